package codec

import (
	"fmt"
	"net/http"
)

// Protocol is one of AWS's ways to write calls.
type Protocol interface {
	// Read finds out what is called. The body is the request's, read already.
	Read(r *http.Request, body []byte) (Call, error)
	// Answer writes the output of an action: a pointer to an Output struct of the SDK.
	Answer(action string, output any, requestID string) (Answer, error)
	// Refuse writes an error.
	Refuse(f Fault, requestID string) Answer
}

// Call is a request, as far as it can be understood without knowing its action.
type Call struct {
	Action  string
	Version string // of the API, where the protocol has it in the request
	input   func(into any) error
}

// Input fills an Input struct of the SDK, given by its pointer, with the parameters of the call. What the struct does not have is ignored.
// The error is a *Fault.
func (c Call) Input(into any) error { return c.input(into) }

// Answer is what is sent back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Fault is an error in the words of the API.
type Fault struct {
	Code    string // as on the wire: "LoadBalancerNotFound"
	Message string
	Status  int
	// About is what it is about, where the protocol has an element for that: S3's BucketName, Key, Region.
	About, Value string
}

// Error implements error.
func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// sender says whose fault it is, in the words of awsQuery.
func (f *Fault) sender() string {
	if f.Status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

func badRequest(code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}
