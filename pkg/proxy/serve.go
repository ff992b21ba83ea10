package proxy

import (
	"net/http"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// serve answers x's request: it finds the rule and does what that says. When it returns, the response has been sent, or x.w was aborted.
func (e *Engine) serve(x *exchange) {
	if e.log.samples() {
		x.began = precise()
	}
	x.path = x.req.RawPath
	x.act()
	x.settle()
}

// settle counts and logs what was answered.
func (x *exchange) settle() {
	x.client.counters.status[min(x.status/100, 5)].Add(1)
	if x.in > 0 {
		x.client.counters.bytesIn.Add(uint64(x.in))
	}
	x.client.counters.bytesOut.Add(uint64(x.out))
	if x.began != 0 {
		x.engine.log.write(x)
	}
}

// act finds the rule and follows it.
func (x *exchange) act() {
	if x.unproven() {
		x.answer(http.StatusMisdirectedRequest, "the connection was made before clients had to show a certificate")
		return
	}
	if status, reason := x.policy().unwelcome(&x.req); status != 0 {
		x.answer(status, reason)
		return
	}
	server := x.version.site.server(x.req.Hostname)
	if server == nil {
		x.answer(http.StatusNotFound, "no server for the host")
		return
	}
	if x.client.serverName != "" && x.version.site.server(x.client.serverName) != server {
		// The certificate was for another server: a client may think that it also stands for this one, and share the connection.
		x.answer(http.StatusMisdirectedRequest, "the connection was made for another server")
		return
	}
	found, ok := x.lookupPreflight(server.Rules)
	if !ok {
		found, ok = server.Rules.Lookup((*asked)(x))
	}
	if !ok {
		x.answer(http.StatusNotFound, "no rule")
		return
	}
	if found.Match.Path.Kind == route.PathPrefix {
		x.prefix = found.Match.Path.Value
	}
	x.route = x.engine.routeFor(found.Value)
	if c := x.route.cors; c != nil && x.crossOrigin(c) {
		return
	}
	if x.route.broken != "" {
		x.answer(http.StatusInternalServerError, x.route.broken)
		return
	}
	switch a := found.Value.Action.(type) {
	case *Forward:
		x.forward()
	case *Redirect:
		x.redirect(a)
	case *Respond:
		x.respond(a)
	default:
		x.answer(http.StatusInternalServerError, "the rule has no action")
	}
}

// respond answers as a Respond says.
func (x *exchange) respond(a *Respond) {
	x.own(a.Status)
	switch {
	case a.Body == "":
	case a.ContentType == "":
		x.resp.Add("Content-Type", plainText)
	default:
		x.resp.Add("Content-Type", a.ContentType)
	}
	x.resp.Fields = x.route.response.apply(x.resp.Fields)
	x.reason = "answered by the rule"
	x.send(a.Body)
}

// answer answers by itself with status, for a reason that the access log gives.
func (x *exchange) answer(status int, reason string) {
	x.reason = reason
	if page := x.page(status); page != nil {
		x.show(page, status)
		return
	}
	x.own(status)
	x.resp.Add("Content-Type", plainText)
	x.send(http.StatusText(status) + "\n")
}

const plainText = "text/plain; charset=utf-8"

// own begins an answer of the proxy's own.
func (x *exchange) own(status int) {
	x.resp.Reset()
	x.resp.Status = status
	x.resp.Add("Date", dateNow())
	p := x.policy()
	if p == nil {
		return
	}
	x.resp.Reason = p.Phrases[status]
	if p.Server != "" {
		x.resp.Add("Server", p.Server)
	}
}

// send sends x.resp with the whole body.
func (x *exchange) send(body string) {
	if x.route != nil && x.route.cors != nil {
		x.share()
	}
	x.resp.Length = int64(len(body))
	x.status = x.resp.Status
	head := h1.Bodyless(x.req.Verb, x.resp.Status)
	if err := x.w.respond(&x.resp, head); err != nil {
		x.w.abort()
		return
	}
	if !head && body != "" {
		if err := x.w.write(readOnly(body)); err != nil {
			x.w.abort()
			return
		}
		x.out += int64(len(body))
	}
	if err := x.w.finish(nil); err != nil {
		x.w.abort()
	}
}
