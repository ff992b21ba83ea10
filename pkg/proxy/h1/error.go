package h1

import "net/http"

// Error is why a message is refused. Status is what to answer a client with, or http.StatusBadGateway's cause for an endpoint's.
type Error struct {
	Status int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

func bad(reason string) *Error { return &Error{Status: http.StatusBadRequest, Reason: reason} }

// What is refused, and why.
var (
	ErrLine          = bad("malformed request line")
	ErrStatusLine    = bad("malformed status line")
	ErrMethod        = bad("malformed method")
	ErrTarget        = bad("malformed request target")
	ErrField         = bad("malformed header field")
	ErrFold          = bad("obsolete line folding")
	ErrLineEnd       = bad("bare CR or LF")
	ErrLength        = bad("malformed or conflicting Content-Length")
	ErrBothFramings  = bad("both Content-Length and Transfer-Encoding")
	ErrFraming       = bad("a framing that this version of HTTP does not have")
	ErrHost          = bad("not exactly one valid Host")
	ErrChunk         = bad("malformed chunk")
	ErrConnection    = bad("malformed Connection")
	ErrCutOff        = bad("the message ends before its body does")
	ErrBodySlow      = &Error{Status: http.StatusRequestTimeout, Reason: "the request's body came too slowly"}
	ErrHeadSlow      = &Error{Status: http.StatusRequestTimeout, Reason: "the request's head came too slowly"}
	ErrBodyLarge     = &Error{Status: http.StatusRequestEntityTooLarge, Reason: "the request's body is too large"}
	ErrTargetLong    = &Error{Status: http.StatusRequestURITooLong, Reason: "the request line is too long"}
	ErrExpect        = &Error{Status: http.StatusExpectationFailed, Reason: "an expectation other than 100-continue"}
	ErrHeadLarge     = &Error{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: "the header fields are too large or too many"}
	ErrCoding        = &Error{Status: http.StatusNotImplemented, Reason: "a transfer coding other than chunked"}
	ErrConnect       = &Error{Status: http.StatusNotImplemented, Reason: "CONNECT is not served"}
	ErrVersion       = &Error{Status: http.StatusHTTPVersionNotSupported, Reason: "not HTTP/1.0 or HTTP/1.1"}
	ErrTrailersLarge = &Error{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: "the trailer section is too large"}
)
