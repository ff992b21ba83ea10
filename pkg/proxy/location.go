package proxy

import (
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// location is a LocationTemplate made ready: the parts of the URL, each as texts and placeholders in turn.
type location struct{ protocol, host, port, path, query []locationPart }

// locationPart is a piece of text, or a placeholder.
type locationPart struct {
	text string
	slot locationSlot
}

type locationSlot uint8

const (
	slotText locationSlot = iota
	slotProtocol
	slotHost
	slotPort
	slotPath
	slotQuery
)

var placeholders = []struct {
	name string
	slot locationSlot
}{{"#{protocol}", slotProtocol}, {"#{host}", slotHost}, {"#{port}", slotPort}, {"#{path}", slotPath}, {"#{query}", slotQuery}}

func newLocation(t *LocationTemplate) *location {
	return &location{
		protocol: locationParts(t.Protocol), host: locationParts(t.Host), port: locationParts(t.Port), path: locationParts(t.Path),
		query: locationParts(t.Query),
	}
}

func locationParts(s string) []locationPart {
	var parts []locationPart
	for s != "" {
		at, end, slot := len(s), len(s), slotText
		for _, p := range placeholders {
			if i := strings.Index(s, p.name); i >= 0 && i < at {
				at, end, slot = i, i+len(p.name), p.slot
			}
		}
		if at > 0 {
			parts = append(parts, locationPart{text: s[:at]})
		}
		if slot != slotText {
			parts = append(parts, locationPart{slot: slot})
		}
		s = s[end:]
	}
	return parts
}

// unsendable says why what l makes is no URL; "" when it is one whatever the request.
func (l *location) unsendable() string {
	protocol := textOf(l.protocol)
	switch {
	case len(l.protocol) == 0 || !h1.ValidScheme(protocol):
		return "the scheme is not one"
	case len(l.host) == 0 || strings.ContainsAny(textOf(l.host), "/?#@ "):
		return "the hostname is not one"
	case strings.Trim(textOf(l.port), "0123456789") != "":
		return "the port is not one"
	case len(l.path) == 0 || !strings.HasPrefix(l.path[0].text, "/"):
		return "the path is not one"
	}
	for _, part := range [][]locationPart{l.host, l.path, l.query} {
		if strings.ContainsFunc(textOf(part), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return "the URL has characters that no URL has"
		}
	}
	return ""
}

// textOf is what of parts is no placeholder.
func textOf(parts []locationPart) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
	}
	return b.String()
}

// expand is the URL for x.
func (l *location) expand(x *exchange) string {
	url := strings.ToLower(joined(l.protocol, x)) + "://" + joined(l.host, x)
	if port := joined(l.port, x); port != "" {
		url += ":" + port
	}
	url += joined(l.path, x)
	if query := joined(l.query, x); query != "" {
		url += "?" + query
	}
	return url
}

func joined(parts []locationPart, x *exchange) string {
	var b strings.Builder
	for i := range parts {
		b.WriteString(parts[i].in(x))
	}
	return b.String()
}

// in is what the part stands for in the URL of x.
func (p *locationPart) in(x *exchange) string {
	switch p.slot {
	case slotText:
		return p.text
	case slotProtocol:
		if x.client.tls {
			return "https"
		}
		return "http"
	case slotHost:
		return x.hostname()
	case slotPort:
		return x.client.port
	case slotPath:
		return strings.TrimPrefix(x.req.RawPath, "/")
	case slotQuery:
		return x.req.RawQuery
	}
	return ""
}
