package proxy

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
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

// grpcError makes h the head of a response without a body ("trailers only") that says what an HTTP status says.
func grpcError(h http.Header, status int, reason string) {
	h["Content-Type"] = []string{"application/grpc"}
	h["Content-Length"] = nil
	h["Grpc-Status"] = []string{strconv.Itoa(grpcStatus(status))}
	h["Grpc-Message"] = []string{percentEncoded(reason)}
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
