package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// follow changes what endpoints are told as p says, apart from what Forward says itself.
func (x *exchange) follow(p *HTTPPolicy) {
	if p.DropFields {
		dropOddNames(x.req.Fields)
	}
	if p.Forwarded != ForwardedTrusted {
		x.forwardedBy(p)
	}
	if p.TraceField != "" {
		x.trace(p.TraceField)
	}
	if p.HostPort {
		x.nameHostPort()
	}
	x.sayOfTLS(p.TLSVersion, x.client.version)
	x.sayOfTLS(p.TLSSuite, x.client.suite)
}

// sayOfTLS tells the endpoint a value that a client must not make up.
func (x *exchange) sayOfTLS(name, value string) {
	if name == "" {
		return
	}
	h1.Remove(x.req.Fields, name)
	if value != "" {
		x.req.Fields = append(x.req.Fields, h1.Field{Name: name, Value: value})
	}
}

// statusForwarded is the status for a request that was forwarded by too many.
const statusForwarded = 463

// refused returns the status to answer to a request that p does not let through, and why; 0 for one that it does.
func (x *exchange) refused(p *HTTPPolicy) (status int, reason string) {
	if p.MaxForwarded > 0 && x.forwarders() > p.MaxForwarded {
		return statusForwarded, "X-Forwarded-For has too many addresses"
	}
	if p.Incompatible != 0 && !x.compatible(x.version.pools[x.backend.cfg.Pool].cfg) {
		return p.Incompatible, "the endpoints do not speak what the client does"
	}
	return 0, ""
}

// forwarders is how many addresses X-Forwarded-For has.
func (x *exchange) forwarders() int {
	n := 0
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID == h1.ForwardedFor && !f.Gone {
			n += strings.Count(f.Value, ",") + 1
		}
	}
	return n
}

// compatible reports whether the request is what p's endpoints speak.
func (x *exchange) compatible(p *Pool) bool {
	http2 := x.ctx != nil // Only streams have one.
	contentType, _ := x.req.Header("content-type")
	switch {
	case p.Protocol == PoolHTTP2 && p.GRPC:
		return http2 && x.req.Verb == http.MethodPost
	case p.Protocol == PoolHTTP2:
		return http2
	}
	return !http2 || !isGRPC(contentType)
}

// dropOddNames removes the fields whose names are not all letters, digits and hyphens.
func dropOddNames(fields []h1.Field) {
	for i := range fields {
		if f := &fields[i]; f.ID == h1.Other && strings.ContainsFunc(f.Name, oddInName) {
			f.Gone = true
		}
	}
}

func oddInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}

// forwardedBy is exchange.forwarded for the other policies.
func (x *exchange) forwardedBy(p *HTTPPolicy) {
	mark := len(x.scratch)
	for i := range x.req.Fields {
		f := &x.req.Fields[i]
		switch f.ID { //nolint:exhaustive // The other fields stay as they are.
		case h1.ForwardedFor:
			f.Gone = p.Forwarded != ForwardedPreserve
			if p.Forwarded == ForwardedAppend && f.Value != "" {
				x.scratch = append(append(x.scratch, f.Value...), ", "...)
			}
		case h1.ForwardedProto, h1.ForwardedPort:
			f.Gone = true
		case h1.ForwardedClientCert:
			f.Gone = !x.client.trusted
		}
	}
	if p.Forwarded == ForwardedAppend {
		if p.ClientPort {
			remote := x.client.remote
			x.scratch = netip.AddrPortFrom(remote.Addr().WithZone(""), remote.Port()).AppendTo(x.scratch)
		} else {
			x.scratch = append(x.scratch, x.client.ip...)
		}
		x.req.Fields = append(x.req.Fields, h1.Field{Name: "X-Forwarded-For", Value: x.made(mark), ID: h1.ForwardedFor})
	}
	proto := "http"
	if x.client.tls {
		proto = "https"
	}
	x.req.Fields = append(x.req.Fields,
		h1.Field{Name: "X-Forwarded-Proto", Value: proto, ID: h1.ForwardedProto},
		h1.Field{Name: "X-Forwarded-Port", Value: x.client.port, ID: h1.ForwardedPort})
}

// made is what was appended to x.scratch from mark on.
func (x *exchange) made(mark int) string {
	made := x.scratch[mark:]
	return unsafe.String(unsafe.SliceData(made), len(made))
}

// trace continues the request's trace in the field called name, or begins one.
func (x *exchange) trace(name string) {
	value, _ := h1.Lookup(x.req.Fields, name)
	h1.Remove(x.req.Fields, name)
	mark := len(x.scratch)
	rooted := false
	for rest, more := value, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ";")
		rooted = rooted || strings.HasPrefix(strings.Trim(part, " "), "Root=")
	}
	if rooted {
		x.scratch = append(x.scratch, "Self="...)
	} else {
		x.scratch = append(x.scratch, "Root="...)
	}
	x.scratch = appendTraceID(x.scratch)
	for rest, more := value, value != ""; more; {
		var part string
		part, rest, more = strings.Cut(rest, ";")
		if part = strings.Trim(part, " "); part != "" && !strings.HasPrefix(part, "Self=") {
			x.scratch = append(append(x.scratch, ';'), part...)
		}
	}
	x.req.Fields = append(x.req.Fields, h1.Field{Name: name, Value: x.made(mark)})
}

// appendTraceID appends a version, the time in seconds, and 96 random bits.
func appendTraceID(b []byte) []byte {
	var id [4 + 12]byte
	now := wallClock().Unix()
	id[0], id[1], id[2], id[3] = byte(now>>24), byte(now>>16), byte(now>>8), byte(now)
	_, _ = rand.Read(id[4:]) // It never fails.
	b = append(b, "1-"...)
	b = append(hex.AppendEncode(b, id[:4]), '-')
	return hex.AppendEncode(b, id[4:])
}

// nameHostPort has Host name the listener's port, where that is not the well-known one.
func (x *exchange) nameHostPort() {
	if x.req.Port != "" || x.req.Authority == "" || x.client.port == wellKnown("http") || x.client.port == wellKnown("https") {
		return
	}
	mark := len(x.scratch)
	x.scratch = append(append(append(x.scratch, strings.TrimSuffix(x.req.Authority, ":")...), ':'), x.client.port...)
	x.req.Authority = x.made(mark)
}

// unreached is the status for endpoints that could not be connected to.
func (x *exchange) unreached() int {
	status := 0
	if p := x.policy(); p != nil {
		if status = p.Unreached.Refused; x.silent {
			status = p.Unreached.Silent
		}
	}
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	return status
}

// timedOut reports whether err is how it ends that nothing came back.
func timedOut(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// claims reports whether a field called name would be taken for one that tells of a client's certificate.
func (c *ClientValidation) claims(name string) bool {
	if len(name) >= len(c.Fields) && sameToMany(name[:len(c.Fields)], c.Fields) {
		return true
	}
	for _, other := range c.Rename {
		if sameToMany(name, other) {
			return true
		}
	}
	return false
}

// sameToMany compares names as the endpoints do that do not tell underscores from hyphens (CGI, WSGI).
func sameToMany(name, other string) bool {
	return h1.EqualFold(name, other) || strings.IndexByte(name, '_') >= 0 && h1.EqualFold(strings.ReplaceAll(name, "_", "-"), other)
}

// showClient tells the endpoint of the client's certificate as c says, and removes such fields that the client sent.
func (x *exchange) showClient(c *ClientValidation) {
	for i := range x.req.Fields {
		f := &x.req.Fields[i]
		if f.ID == h1.Other && c.claims(f.Name) {
			f.Gone = true
		}
	}
	x.req.Fields = append(x.req.Fields, x.client.shown...)
}
