package proxy

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// rewritten is path after edit, where the rule matched prefix. The table in the Gateway API's HTTPPathModifier is the law: the prefix ends at a
// segment, whether it is written with a slash at its end or not, and what replaces it joins what follows with exactly one.
func rewritten(path, prefix string, edit *PathEdit) string {
	if !edit.Prefix {
		if edit.Value == "" {
			return "/"
		}
		return edit.Value
	}
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return path
	}
	value := edit.Value
	if rest != "" && rest != "/" || value == "" {
		value = strings.TrimSuffix(value, "/")
	}
	if rest == "/" && strings.HasSuffix(value, "/") {
		rest = ""
	}
	value += rest
	if value == "" || value[0] != '/' {
		return "/" + value
	}
	return value
}

// redirect answers with the Location that a makes of the request.
func (x *exchange) redirect(a *Redirect) {
	status := a.Status
	if status == 0 {
		status = http.StatusFound
	}
	x.own(status)
	x.resp.Fields = append(x.resp.Fields, h1.Field{Name: "Location", Value: x.location(a)})
	body := ""
	if p := x.policy(); p != nil && p.RedirectPages && p.Pages[status] != nil {
		body = p.Pages[status].Body
		x.resp.Add("Content-Type", p.Pages[status].ContentType)
	}
	x.resp.Fields = x.route.response.apply(x.resp.Fields)
	x.reason = "redirected by the rule"
	x.send(body)
}

// location is the absolute URL that a redirects to. Port 80 of http and 443 of https are not written, as the Gateway API wants.
func (x *exchange) location(a *Redirect) string {
	if t := x.route.location; t != nil {
		return t.expand(x)
	}
	asked := "http"
	if x.client.tls {
		asked = "https"
	}
	scheme := asked
	if a.Scheme != "" {
		scheme = strings.ToLower(a.Scheme)
	}
	host := a.Hostname
	if host == "" {
		host = x.hostname()
	}
	port := ""
	switch {
	case a.Port != 0:
		port = strconv.Itoa(int(a.Port))
	case a.Scheme == "":
		// The listener's, by the specification; behind an offset that is not the one that the client sees.
		if port = x.req.Port; port == "" {
			port = wellKnown(asked)
		}
	}
	if port == wellKnown(scheme) {
		port = ""
	}
	path := x.req.RawPath
	if a.Path != nil {
		path = rewritten(path, x.prefix, a.Path)
	}
	var b strings.Builder
	b.WriteString(scheme)
	b.WriteString("://")
	b.WriteString(host)
	if port != "" {
		b.WriteByte(':')
		b.WriteString(port)
	}
	b.WriteString(path)
	if x.req.HasQuery {
		b.WriteByte('?')
		b.WriteString(x.req.RawQuery)
	}
	return b.String()
}

// hostname is the host that the client asked for, or for HTTP/1.0 the address that it reached, as a URL writes it.
func (x *exchange) hostname() string {
	if x.req.Hostname != "" {
		return x.req.Hostname
	}
	host := netip.AddrPortFrom(x.client.local.Addr(), 80).String()
	return strings.TrimSuffix(host, ":80")
}

func wellKnown(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}
