package proxy

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// isGRPC reports whether a Content-Type is gRPC's: application/grpc, with or without +codec or parameters; not application/grpc-web.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// grpcStatus is the code that gRPC gives to an HTTP status (grpc/grpc: doc/http-grpc-status-mapping.md).
func grpcStatus(status int) int {
	const (
		unknown          = 2
		permissionDenied = 7
		unimplemented    = 12
		internal         = 13
		unavailable      = 14
		unauthenticated  = 16
	)
	switch status {
	case http.StatusBadRequest:
		return internal
	case http.StatusUnauthorized:
		return unauthenticated
	case http.StatusForbidden:
		return permissionDenied
	case http.StatusNotFound:
		return unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return unavailable
	}
	return unknown
}

// grpcCanceled is the code of a call that its server gave up after a time: that the deadline has passed, if it has, as gRPC's own clients take it.
// The timeout is the call's, as the client wrote it.
func grpcCanceled(timeout string, after time.Duration) int {
	const (
		canceled         = 1
		deadlineExceeded = 4
	)
	if d, ok := grpcTimeout(timeout); ok && after >= d {
		return deadlineExceeded
	}
	return canceled
}

var grpcUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// grpcTimeout parses a grpc-timeout: one to eight digits and a unit.
func grpcTimeout(s string) (time.Duration, bool) {
	last := len(s) - 1
	if last < 1 || last > 8 || !digits(s[:last]) {
		return 0, false
	}
	unit, ok := grpcUnits[s[last]]
	n, err := strconv.ParseInt(s[:last], 10, 64)
	if !ok || err != nil {
		return 0, false
	}
	if n > int64(math.MaxInt64/unit) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * unit, true
}

// grpcError puts into h how a call ended. Before a response that is all there is of it ("trailers only"), after it prefix makes them trailers.
func grpcError(h http.Header, prefix string, code int, reason string) {
	h[prefix+"Grpc-Status"] = []string{strconv.Itoa(code)}
	h[prefix+"Grpc-Message"] = []string{percentEncoded(reason)}
}

// percentEncoded encodes what grpc-message cannot have as it is.
func percentEncoded(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == '%' {
			fmt.Fprintf(&b, "%%%02X", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
