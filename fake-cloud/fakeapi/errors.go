package fakeapi

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

type errorBody struct {
	Error errorInfo `json:"error"`
}

type errorInfo struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Resource any    `json:"resource,omitempty"`
}

// statuses are the status of each code, where an error is made by a fault rule.
var statuses = map[string]int{
	"InvalidArgument":    http.StatusBadRequest,
	"Unauthenticated":    http.StatusUnauthorized,
	"Denied":             http.StatusForbidden,
	"NotFound":           http.StatusNotFound,
	"AlreadyExists":      http.StatusConflict,
	"InUse":              http.StatusConflict,
	"Conflict":           http.StatusConflict,
	"PreconditionFailed": http.StatusPreconditionFailed,
	"QuotaExceeded":      http.StatusForbidden,
	"Throttled":          http.StatusTooManyRequests,
	"Internal":           http.StatusInternalServerError,
	"Unavailable":        http.StatusServiceUnavailable,
}

// faultCodes are those that a fault rule may ask for. AlreadyExists carries a resource, which a fault has none of.
var faultCodes = []string{
	"InvalidArgument", "Unauthenticated", "Denied", "NotFound", "InUse", "Conflict", "PreconditionFailed", "QuotaExceeded",
	"Throttled", "Internal", "Unavailable",
}

// invalid is a request that cannot be understood or says what cannot be.
type invalid struct {
	status  int
	message string
}

func (e *invalid) Error() string { return e.message }

func badRequest(message string) error { return &invalid{http.StatusBadRequest, message} }

func refuse(status int, code, message string) *answer {
	return &answer{status: status, body: errorBody{errorInfo{Code: code, Message: message}}, header: http.Header{}}
}

func throttledAnswer(wait time.Duration) *answer {
	refused := refuse(http.StatusTooManyRequests, "Throttled", "too many calls of this kind: wait as Retry-After says")
	// Rounded up, so that who waits as told gets through.
	seconds := math.Ceil(wait.Seconds()*1000) / 1000
	refused.header.Set("Retry-After", strconv.FormatFloat(seconds, 'f', -1, 64))
	return refused
}

func injected(f *fault.Rule) *answer {
	code := f.Code
	if code == "" {
		code = "Internal"
	}
	if code == "Throttled" {
		return throttledAnswer(time.Second)
	}
	return refuse(statuses[code], code, "by fault rule "+f.ID)
}

// failed turns an error into the answer that the client gets.
func (a *API) failed(err error) *answer {
	var in *invalid
	if errors.As(err, &in) {
		return refuse(in.status, "InvalidArgument", in.message)
	}
	var e *world.Error
	if !errors.As(err, &e) {
		a.cfg.Log.Error("internal error", "error", err)
		return refuse(http.StatusInternalServerError, "Internal", "internal error: see the log of the fake cloud")
	}
	switch e.Code {
	case world.InvalidArgument:
		return refuse(http.StatusBadRequest, "InvalidArgument", e.Message)
	case world.NotFound:
		return refuse(http.StatusNotFound, "NotFound", e.Message)
	case world.AlreadyExists:
		refused := refuse(http.StatusConflict, "AlreadyExists", e.Message)
		refused.body = errorBody{errorInfo{Code: "AlreadyExists", Message: e.Message, Resource: a.show(e.Existing)}}
		return refused
	case world.InUse:
		return refuse(http.StatusConflict, "InUse", e.Message)
	case world.Conflict:
		return refuse(http.StatusConflict, "Conflict", e.Message)
	case world.PreconditionFailed:
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed", e.Message)
	case world.QuotaExceeded:
		return refuse(http.StatusForbidden, "QuotaExceeded", e.Message)
	case world.Unavailable:
		return refuse(http.StatusServiceUnavailable, "Unavailable", e.Message)
	}
	return refuse(http.StatusInternalServerError, "Internal", e.Message)
}
