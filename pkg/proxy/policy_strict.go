package proxy

import (
	"net/http"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// unwelcome returns the status to answer to a request that p lets in nowhere, and why; 0 for one that it lets in.
func (p *HTTPPolicy) unwelcome(req *h1.Request) (status int, reason string) {
	switch {
	case p == nil:
		return 0, ""
	case p.NoTrace && req.Verb == http.MethodTrace:
		return http.StatusMethodNotAllowed, "TRACE is not served"
	case p.Strict && ambiguous(req):
		return http.StatusBadRequest, "two servers may see different requests in it"
	}
	return 0, ""
}

// ambiguous reports whether a valid request has what is used to hide another one in it.
func ambiguous(req *h1.Request) bool {
	bodiless := req.Verb == http.MethodGet || req.Verb == http.MethodHead
	if bodiless && req.Length != 0 {
		return true
	}
	for i := range req.Fields {
		f := &req.Fields[i]
		if f.Value == "" || bodiless && (f.ID == h1.ContentLength || f.ID == h1.TransferEncoding) || !ascii(f.Value) {
			return true
		}
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// fieldBytes is how long fields are with what is between them.
func fieldBytes(fields []h1.Field) int {
	n := 0
	for i := range fields {
		if f := &fields[i]; !f.Gone {
			n += len(f.Name) + len(f.Value) + len(": \r\n")
		}
	}
	return n
}
