package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// This file is the only one that reads the API's errors. Its texts are stable: no ports of connections, no times, no request ids.

const (
	codeAlreadyExists   = "AlreadyExists"
	codeConflict        = "Conflict"
	codeInvalidArgument = "InvalidArgument"
	codeQuotaExceeded   = "QuotaExceeded"
)

// refusal is an answer with an error in it.
type refusal struct {
	status   int
	code     string
	message  string
	resource json.RawMessage // the existing one, for AlreadyExists
}

// Error implements error.
func (r *refusal) Error() string {
	if r.message == "" {
		return fmt.Sprintf("the cloud answered %d %s", r.status, http.StatusText(r.status))
	}
	return r.message
}

// refused reads an answer that is not a success.
func refused(op string, resp *http.Response, body []byte) *cloud.Error {
	r := &refusal{status: resp.StatusCode}
	var answer errorAnswer
	if json.Unmarshal(body, &answer) == nil { // else a proxy on the way wrote it, and the status has to do
		r.code, r.message, r.resource = answer.Error.Code, cleanMessage(answer.Error.Message), answer.Error.Resource
	}
	return &cloud.Error{Kind: kindOf(r), Op: op, After: retryAfter(resp.Header.Get("Retry-After")), Err: r}
}

func kindOf(r *refusal) cloud.Kind {
	switch r.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusMethodNotAllowed:
		return cloud.Invalid
	case http.StatusUnauthorized:
		return cloud.Denied
	case http.StatusForbidden:
		if r.code == codeQuotaExceeded {
			return cloud.Quota
		}
		return cloud.Denied
	case http.StatusNotFound:
		return cloud.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return cloud.Conflict
	case http.StatusTooManyRequests:
		return cloud.Throttled
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return cloud.Unavailable
	default:
		return cloud.Unknown
	}
}

const longestMessage = 500

// cleanMessage makes a foreign text fit for a status: one line, of bounded length.
func cleanMessage(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if len(s) > longestMessage {
		s = strings.ToValidUTF8(s[:longestMessage], "") + "…"
	}
	return s
}

// longestWait bounds what a cloud can make us wait.
const longestWait = 5 * time.Minute

// retryAfter reads seconds, which may be fractional. Anything else is no advice.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(header), 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, longestWait.Seconds()) * float64(time.Second))
}

// noAnswer says why a call got no answer, or only a part of one. What the cloud did is not known.
func noAnswer(ctx context.Context, op string, err error) *cloud.Error {
	kind := cloud.Unavailable
	var errno syscall.Errno
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		kind, err = cloud.Unknown, ctx.Err()
	case errors.Is(err, errTooLarge):
		kind = cloud.Unknown
	case errors.As(err, &dns):
		err = fmt.Errorf("the cloud's API cannot be reached: no address for host %s", dns.Name)
	case errors.As(err, &timeout) && timeout.Timeout():
		err = errors.New("the cloud's API did not answer in time")
	case errors.As(err, &errno):
		err = fmt.Errorf("the cloud's API cannot be reached: %w", errno)
	default:
		err = errors.New("the cloud's API closed the connection without an answer")
	}
	return &cloud.Error{Kind: kind, Op: op, Err: err}
}

func invalidRequest(op string, err error) *cloud.Error {
	return &cloud.Error{Kind: cloud.Invalid, Op: op, Err: err}
}

func badAnswer(op string, err error) *cloud.Error {
	return &cloud.Error{Kind: cloud.Unknown, Op: op, Err: fmt.Errorf("the cloud's answer is not understood: %w", err)}
}

// addressRefused makes err, which came of a load balancer that asks for addresses, a *cloud.AddressError where the API names one of them
// in a refusal. An address that another has is no conflict that looking again would solve.
func addressRefused(err error, asked []netip.Addr) error {
	var e *cloud.Error
	var r *refusal
	if !errors.As(err, &e) || !errors.As(err, &r) || r.code != codeInvalidArgument && r.code != codeConflict {
		return err
	}
	for _, ip := range asked {
		if slices.Contains(strings.Fields(r.message), ip.String()) {
			e.Kind = cloud.Invalid
			e.Err = &cloud.AddressError{Address: ip.String(), Err: r}
			return e
		}
	}
	return err
}

// on says of which node an error is.
func on(id graph.ID, err error) error {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return err
	}
	e.Node = id
	return e
}

// existing returns the resource whose name was taken, where err says so.
func existing(err error) (json.RawMessage, bool) {
	var r *refusal
	if errors.As(err, &r) && r.code == codeAlreadyExists && len(r.resource) > 0 {
		return r.resource, true
	}
	return nil, false
}
