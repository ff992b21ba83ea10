package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Protocol is how a target is asked.
type Protocol uint8

const (
	TCP Protocol = iota + 1 // a connection opens
	HTTP
	HTTPS // the target's certificate is not looked at
)

// Version is the version of HTTP.
type Version uint8

const (
	HTTP1 Version = iota
	HTTP2         // without TLS: with prior knowledge
	GRPC          // a unary call over HTTP/2, whose grpc-status counts
)

// Spec is what is asked of a target, and what is made of its answers. It can be compared.
type Spec struct {
	Protocol  Protocol
	Version   Version
	Path      string
	Announce  bool   // that it is the load balancer's own, in PROXY protocol version 2, before anything else
	Matcher   string // codes that are healthy, as the API spells them: "200", "200-299,301", for GRPC "0-99"
	Interval  time.Duration
	Timeout   time.Duration
	Healthy   int // answers in a row
	Unhealthy int
}

// Verdict is what is thought of a target.
type Verdict uint8

const (
	Initial Verdict = iota // nothing is known yet
	Healthy
	Unhealthy
)

func (v Verdict) String() string {
	switch v {
	case Initial:
		return "initial"
	case Healthy:
		return "healthy"
	case Unhealthy:
		return "unhealthy"
	}
	return "invalid"
}

// Cause is why a check failed.
type Cause uint8

const (
	None         Cause = iota
	CodeMismatch       // the target answered with another code
	TimedOut
	Failed // no connection, or no answer that can be understood
)

// State is a verdict with its reason.
type State struct {
	Verdict Verdict
	Cause   Cause
	Code    int // that did not match, where Cause is CodeMismatch
}

// matches reports whether a list of codes and ranges holds code. A list that cannot be read holds none.
func matches(list string, code int) bool {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		if from <= code && code <= to {
			return true
		}
	}
	return false
}

// failure is a check that failed.
type failure struct {
	cause Cause
	code  int
	err   error
}

func (f *failure) Error() string {
	if f.cause == CodeMismatch {
		return fmt.Sprintf("answered %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }
