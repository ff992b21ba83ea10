package world

import (
	"errors"
	"fmt"
)

// Code says what an Error means to a client.
type Code uint8

const (
	InvalidArgument Code = iota + 1
	NotFound
	AlreadyExists
	InUse
	Conflict
	PreconditionFailed
	QuotaExceeded
	Unavailable
)

// Error is what the operations of a World return, and nothing else. Message is a sentence for the client.
type Error struct {
	Code    Code
	Message string
	// Existing is the resource that has the name already: a LoadBalancer, Listener, Rule, Pool or Certificate. AlreadyExists only.
	Existing any
	Err      error // the cause, for the log; Unavailable only
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the Code of the first *Error in err's tree, or zero.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func failf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
