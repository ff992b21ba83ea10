package proxy

import (
	"strings"
	"unsafe"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// forwarded tells the endpoint who the client is and what it asked for. What a client says itself counts only where it is a trusted proxy:
// then X-Forwarded-For is continued and the other fields stay, X-Forwarded-Client-Cert before what the client has proven itself.
func (x *exchange) forwarded() {
	if c := x.version.site.clientFields; c != nil {
		x.showClient(c)
	}
	if p := x.policy(); p != nil {
		if x.follow(p); p.Forwarded != ForwardedTrusted {
			return
		}
	}
	c := x.client
	proto := "http"
	if c.tls {
		proto = "https"
	}
	chain := c.ip
	var has [h1.ForwardedPort + 1]bool
	for i := range x.req.Fields {
		f := &x.req.Fields[i]
		switch f.ID { //nolint:exhaustive // The other fields stay as they are.
		case h1.ForwardedFor:
			f.Gone = true
			if c.trusted && f.Value != "" {
				chain = x.join(f.Value, chain, has[h1.ForwardedFor])
				has[h1.ForwardedFor] = true
			}
		case h1.ForwardedProto, h1.ForwardedHost, h1.ForwardedPort:
			f.Gone = !c.trusted
			has[f.ID] = c.trusted
		case h1.ForwardedClientCert:
			f.Gone = !c.trusted
		case h1.Other:
			if !c.trusted && disguised(f.Name) {
				f.Gone = true
			}
		}
	}
	x.req.Fields = append(x.req.Fields, h1.Field{Name: "X-Forwarded-For", Value: chain, ID: h1.ForwardedFor})
	add := func(id h1.FieldID, name, value string) {
		if !has[id] && value != "" {
			x.req.Fields = append(x.req.Fields, h1.Field{Name: name, Value: value, ID: id})
		}
	}
	add(h1.ForwardedProto, "X-Forwarded-Proto", proto)
	add(h1.ForwardedHost, "X-Forwarded-Host", x.req.Authority)
	add(h1.ForwardedPort, "X-Forwarded-Port", c.port)
	if c.certificate != "" && x.version.site.clientFields == nil {
		x.req.Fields = append(x.req.Fields, h1.Field{Name: "X-Forwarded-Client-Cert", Value: c.certificate, ID: h1.ForwardedClientCert})
	}
}

// disguised reports whether name is that of one of the fields above with underscores: many endpoints (CGI, WSGI) do not tell the two apart.
func disguised(name string) bool {
	if len(name) < len("X_Forwarded_For") || len(name) > len("X_Forwarded_Client_Cert") || name[0]|0x20 != 'x' || strings.IndexByte(name, '_') < 0 {
		return false
	}
	var b [len("X_Forwarded_Client_Cert")]byte
	plain := b[:copy(b[:], name)]
	for i, c := range plain {
		if c == '_' {
			plain[i] = '-'
		}
	}
	switch h1.Identify(unsafe.String(unsafe.SliceData(plain), len(plain))) { //nolint:exhaustive // No others are that long.
	case h1.ForwardedFor, h1.ForwardedProto, h1.ForwardedHost, h1.ForwardedPort, h1.ForwardedClientCert:
		return true
	}
	return false
}

// join puts value into chain, before the client's own address at its end.
func (x *exchange) join(value, chain string, again bool) string {
	mark := len(x.scratch)
	if again {
		chain = chain[:len(chain)-len(x.client.ip)-2]
		x.scratch = append(append(append(x.scratch, chain...), ", "...), value...)
	} else {
		x.scratch = append(x.scratch, value...)
	}
	x.scratch = append(append(x.scratch, ", "...), x.client.ip...)
	made := x.scratch[mark:]
	return unsafe.String(unsafe.SliceData(made), len(made))
}

// readOnly is s as bytes that must not be written to.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
