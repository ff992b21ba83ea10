package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// This file is the only one that reads what the SDK returns as an error. Its texts are stable: no request ids, no session names, no
// times. The codes are in errors_codes.go.

// call makes one call. Its error is a *cloud.Error without a Node.
func call[In, Out, Opt any](ctx context.Context, f func(context.Context, In, ...func(Opt)) (Out, error), in In) (Out, error) {
	out, err := f(ctx, in)
	if err != nil {
		var none Out
		return none, failed(ctx, err)
	}
	return out, nil
}

// refusal is an answer with an error in it.
type refusal struct {
	code string
	text string
}

// Error implements error.
func (r *refusal) Error() string { return r.text }

// hasCode tells whether err is an answer with one of the codes.
func hasCode(err error, codes ...string) bool {
	var r *refusal
	return errors.As(err, &r) && slices.Contains(codes, r.code)
}

// isThrottling tells whether the SDK's error says that there were too many calls.
func isThrottling(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && kinds[api.ErrorCode()] == cloud.Throttled
}

// isExpired tells whether the SDK's error says that credentials were good and are not any more.
func isExpired(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && saysExpired(api.ErrorCode())
}

// failed reads the SDK's error.
func failed(ctx context.Context, err error) *cloud.Error {
	var own *cloud.Error
	if errors.As(err, &own) {
		return own
	}
	op := lastOperation(err)
	out := &cloud.Error{Op: op.name}
	var api smithy.APIError
	var credentials *credentialsError
	switch {
	case errors.As(err, &credentials) && !credentials.ofService() && ctx.Err() == nil:
		out.Kind, out.Err = credentials.judge()
	case errors.As(err, &api):
		out.Kind = kindOf(api, err)
		out.Err = &refusal{code: api.ErrorCode(), text: textOf(out.Kind, op, api)}
	case ctx.Err() != nil:
		out.Err = ctx.Err()
	default:
		out.Kind, out.Err = noAnswer(err)
	}
	return out
}

// lastOperation is the innermost call that failed: where a call needs credentials that have to be asked for, it is the call that asks.
func lastOperation(err error) operation {
	var op operation
	var e *smithy.OperationError
	for errors.As(err, &e) {
		op, err = operation{e.Service(), e.Operation()}, e.Err
	}
	return op
}

func kindOf(api smithy.APIError, err error) cloud.Kind {
	if kind, known := kinds[api.ErrorCode()]; known {
		return kind
	}
	if strings.HasSuffix(api.ErrorCode(), ".NotFound") {
		return cloud.NotFound
	}
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) {
		return cloud.Unknown
	}
	switch status := answer.HTTPStatusCode(); {
	case status == http.StatusTooManyRequests:
		return cloud.Throttled
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return cloud.Denied
	case status >= http.StatusInternalServerError:
		return cloud.Unavailable
	default:
		return cloud.Unknown
	}
}

// textOf is what the user reads. What AWS says of a missing permission names a session and is encoded anew each time, and what it says of a
// signature has the time in it, so they are said in other words; the part that tells which policy denies is kept.
func textOf(kind cloud.Kind, op operation, api smithy.APIError) string {
	if isAboutCredentials(api.ErrorCode()) {
		return fmt.Sprintf("AWS does not accept the controller's credentials (%s): give it valid ones", api.ErrorCode())
	}
	if kind == cloud.Denied && deniedByPolicy(api.ErrorCode()) {
		text := fmt.Sprintf("the controller's IAM role may not call %s:%s", iamPrefix(op.service), op.name)
		if why := policyClause.FindString(api.ErrorMessage()); why != "" {
			text += ", " + why
		}
		return text + ": allow it in the role's policy"
	}
	text := cleanMessage(api.ErrorMessage())
	if text == "" || text == noMessage {
		return "AWS answered " + cleanMessage(api.ErrorCode())
	}
	return text
}

var (
	policyClause = regexp.MustCompile(`with an explicit deny in an? [a-z -]+ policy`)
	// What differs from call to call: an encoded message, a request's id.
	encodedMessage = regexp.MustCompile(`\s*Encoded authorization failure message: \S+`)
	requestID      = regexp.MustCompile(`(?i)[,;]?\s*\(?request[ -]?id:?\s*[0-9a-z-]{8,}\)?`)
)

const (
	longestMessage = 400
	noMessage      = "UnknownError" // what the SDK says for a message that is empty
)

// cleanMessage makes a foreign text fit for a status: one line, of bounded length, the same each time.
func cleanMessage(s string) string {
	s = encodedMessage.ReplaceAllString(s, "")
	s = requestID.ReplaceAllString(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(s) > longestMessage {
		s = strings.ToValidUTF8(s[:longestMessage], "") + "…"
	}
	return s
}

// noAnswer says why a call got no answer, or only a part of one. What AWS did is not known.
func noAnswer(err error) (cloud.Kind, error) {
	var errno syscall.Errno
	var dns *net.DNSError
	var timeout net.Error
	var badAnswer *smithy.DeserializationError
	switch {
	case errors.As(err, &dns):
		return cloud.Unavailable, fmt.Errorf("AWS cannot be reached: no address for host %s", dns.Name)
	case errors.As(err, &timeout) && timeout.Timeout():
		return cloud.Unavailable, errors.New("AWS did not answer in time")
	case errors.As(err, &errno):
		return cloud.Unavailable, fmt.Errorf("AWS cannot be reached: %w", errno)
	case errors.As(err, &badAnswer):
		return cloud.Unknown, errors.New("the answer of AWS is not understood")
	default:
		return cloud.Unavailable, errors.New("AWS closed the connection without an answer")
	}
}

// credentialsError says that there are no credentials to sign a call with.
type credentialsError struct{ err error }

// Error implements error.
func (e *credentialsError) Error() string { return e.err.Error() }

// Unwrap returns the cause: it may be an answer of STS.
func (e *credentialsError) Unwrap() error { return e.err }

// ofService tells whether it was a service of AWS that gave no credentials, and not a file, an agent on the node or nobody at all.
func (e *credentialsError) ofService() bool {
	service := lastOperation(e.err).service
	return service != "" && service != instanceMetadata
}

// instanceMetadata is what the SDK calls the service of a node that tells of its instance.
const instanceMetadata = "ec2imds"

// judge is for those that are not of a service. An agent that is at fault itself may give some out later.
func (e *credentialsError) judge() (cloud.Kind, error) {
	var agent interface {
		error
		HTTPStatusCode() int
	}
	if errors.As(e.err, &agent) && (agent.HTTPStatusCode() >= http.StatusInternalServerError || agent.HTTPStatusCode() == http.StatusTooManyRequests) {
		return cloud.Unavailable, fmt.Errorf("who gives out AWS credentials to the controller answers with status %d", agent.HTTPStatusCode())
	}
	return cloud.Denied, errors.New("no AWS credentials are found: give the controller an IAM role or credentials")
}

// tellingCredentials are credentials whose failure can be told from that of the call that needed them.
type tellingCredentials struct{ aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (c tellingCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	v, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return v, &credentialsError{err}
	}
	return v, nil
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

func invalid(op, format string, args ...any) *cloud.Error {
	return &cloud.Error{Kind: cloud.Invalid, Op: op, Err: fmt.Errorf(format, args...)}
}

// conflict is the error for what is otherwise than we know: it has to be observed again.
func conflict(op, format string, args ...any) *cloud.Error {
	return &cloud.Error{Kind: cloud.Conflict, Op: op, Err: fmt.Errorf(format, args...)}
}

// missing is the error for a step whose references are not there: what is known of the cloud is not true any more.
func missing(op, format string, args ...any) *cloud.Error {
	return &cloud.Error{Kind: cloud.NotFound, Op: op, Err: fmt.Errorf(format, args...)}
}

// isGone tells whether err says that what was asked about does not exist.
func isGone(err error) bool { return cloud.KindOf(err) == cloud.NotFound }

func badAnswer(op string) *cloud.Error {
	return &cloud.Error{Kind: cloud.Unknown, Op: op, Err: errors.New("the answer of AWS is not understood")}
}
