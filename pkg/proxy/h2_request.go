package proxy

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// fillRequest translates the head of an HTTP/2 request. The library has refused what no HTTP/2 request may have: pseudo fields twice or
// out of order, fields of a connection, a Host that contradicts :authority, control characters. What is left is what would not be safe
// to write as HTTP/1.1, where the same bytes could be read in another way.
func fillRequest(req *h1.Request, r *http.Request) (*h1.Error, bool) {
	req.Verb = r.Method
	if r.Method == http.MethodConnect {
		return h1.ErrConnect, false
	}
	if !h1.ValidField(r.Method, "") {
		return h1.ErrMethod, false
	}
	if !req.SetAuthority(r.Host) {
		return h1.ErrHost, false
	}
	if !req.SetTarget(r.RequestURI) {
		return h1.ErrTarget, false
	}
	for name, values := range r.Header {
		if !h1.ValidField(name, "") {
			return h1.ErrField, false
		}
		id := h1.Identify(name)
		for _, value := range values {
			if !h1.ValidField("x", value) {
				return h1.ErrField, false
			}
			switch id { //nolint:exhaustive // The other fields mean nothing here.
			case h1.TE:
				req.Trailers = strings.EqualFold(value, "trailers")
			case h1.Expect:
				return h1.ErrExpect, false // The library has taken 100-continue out, and answers it.
			}
			req.Fields = append(req.Fields, h1.Field{Name: name, Value: strings.Trim(value, " \t"), ID: id})
		}
	}
	// The library takes the announced trailers' names out of the fields.
	for name := range r.Trailer {
		req.Fields = append(req.Fields, h1.Field{Name: "Trailer", Value: name, ID: h1.Trailer})
	}
	var ok bool
	if req.Length, ok = bodyLength(r); !ok {
		return h1.ErrLength, false
	}
	return nil, true
}

// bodyLength is how long the request's body will be: 0 for none, -1 when only its end will tell. The library counts the body's bytes against a
// valid Content-Length; one that it would take for another number is refused here.
func bodyLength(r *http.Request) (int64, bool) {
	ended := r.ContentLength == 0
	values, declared := r.Header["Content-Length"]
	if !declared {
		if ended {
			return 0, true
		}
		return -1, true
	}
	if len(values) != 1 || !digits(values[0]) {
		return 0, false
	}
	length, err := strconv.ParseInt(values[0], 10, 63)
	if err != nil || ended && length != 0 {
		return 0, false
	}
	return length, true
}

// digits is stricter than strconv, which takes a sign.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
