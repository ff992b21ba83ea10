package proxy

import (
	"io"
	"net/http"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// forward sends the request to one of the rule's backends by weight and passes the response on.
func (x *exchange) forward() {
	f := x.route.forward
	if f.group != nil {
		x.resumeBackend(f)
	}
	if f.sticky != nil || x.version.sticky {
		x.resume(f)
	}
	if x.backend == nil {
		x.backend = f.chooseFor(&x.client.flow)
	}
	if x.backend == nil {
		x.answer(http.StatusInternalServerError, "no backend has weight")
		return
	}
	if x.backend.cfg.Pool == "" {
		status := x.backend.cfg.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		x.answer(status, "the backend is not valid")
		return
	}
	p := x.version.pools[x.backend.cfg.Pool]
	if p == nil {
		x.answer(http.StatusInternalServerError, "the backend's pool is not there")
		return
	}
	if x.sticky = f.sticky; x.sticky == nil {
		x.sticky = p.sticky
	}
	if !x.prepare(f) {
		return
	}
	defer x.mirrored.leave()
	x.limit = newLimit(x.ctx, f.cfg)
	x.connect(p)
}

// prepare makes the request what the endpoint shall see. Where that cannot be it answers, and reports false.
func (x *exchange) prepare(f *forwardState) bool {
	if p := x.policy(); p != nil {
		if status, reason := x.refused(p); status != 0 {
			x.answer(status, reason)
			return false
		}
	}
	x.forwarded()
	if f.cfg.RewritePath != nil {
		x.req.RawPath = rewritten(x.req.RawPath, x.prefix, f.cfg.RewritePath)
	}
	if f.cfg.RewriteHost != "" {
		x.req.Authority = f.cfg.RewriteHost
	}
	if (f.hosts != nil || f.urls != nil) && !x.transform(f) {
		x.answer(http.StatusInternalServerError, "what the rule makes of the request cannot be sent")
		return false
	}
	x.req.Fields = f.request.apply(x.req.Fields)
	x.hostEdit(f.request.set)
	if len(f.cfg.Mirrors) > 0 {
		x.mirror(f)
	}
	x.req.Fields = x.backend.request.apply(x.req.Fields)
	x.hostEdit(x.backend.request.set)
	return true
}

// hostEdit follows a filter that sets Host, which is not sent as a field.
func (x *exchange) hostEdit(set []h1.Field) {
	for i := range set {
		if set[i].ID == h1.Host && h1.ValidAuthority(set[i].Value) {
			x.req.Authority = set[i].Value
		}
	}
}

// failed answers for an endpoint that did not.
func (x *exchange) failed(why outcome) {
	switch {
	case x.limit.abandoned(), why == tryClient && x.status == 0:
		x.reason = "the client is gone"
		x.w.abort()
	case why == tryClient:
		x.answer(x.status, x.reason)
	case why == tryRefused:
		x.answer(http.StatusServiceUnavailable, x.reason)
	case x.limit.expired() || why == tryTimeout:
		x.answer(http.StatusGatewayTimeout, "the endpoint did not answer in time")
	case why == tryNone:
		x.answer(http.StatusServiceUnavailable, "no healthy endpoint")
	case why == tryFull, why == tryBusy:
		x.answer(http.StatusServiceUnavailable, "every endpoint has as much as it may have")
	case why == tryUnsent:
		x.answer(x.unreached(), "no endpoint could be connected to")
	default:
		x.answer(http.StatusBadGateway, "the endpoint broke off")
	}
}

// relay passes the response on.
func (x *exchange) relay() {
	resp := &x.resp
	if p := x.policy(); p != nil && p.MaxResponseHead > 0 && fieldBytes(resp.Fields) > p.MaxResponseHead {
		x.up.done(false)
		x.answer(http.StatusBadGateway, "the head of the endpoint's response is too large")
		return
	}
	resp.Fields = x.backend.response.apply(resp.Fields)
	resp.Fields = x.route.response.apply(resp.Fields)
	if x.sticky != nil {
		x.keepSession()
	}
	if group := x.route.forward.group; group != nil {
		x.keepBackend(group)
	}
	if x.route.cors != nil {
		x.share()
	}
	x.status = resp.Status
	if resp.Status == http.StatusSwitchingProtocols {
		x.tunnel()
		return
	}
	head := h1.Bodyless(x.req.Verb, resp.Status)
	if err := x.w.respond(resp, head); err != nil {
		x.drop("the client is gone")
		return
	}
	if head {
		x.finish(nil)
		return
	}
	for {
		if x.respBody.buffered() == 0 {
			if err := x.w.flush(); err != nil {
				x.drop("the client is gone")
				return
			}
		}
		p, err := x.respBody.next()
		if err == io.EOF { //nolint:errorlint // body.next promises io.EOF itself.
			x.finish(x.respBody.trailers())
			return
		}
		if err != nil {
			x.member.failures.Add(1)
			x.drop("the endpoint broke off in the response")
			return
		}
		if err := x.w.write(p); err != nil {
			x.drop("the client is gone")
			return
		}
		x.out += int64(len(p))
	}
}

// finish ends a response that was whole.
func (x *exchange) finish(trailers []h1.Field) {
	err := x.w.finish(trailers)
	x.up.done(true)
	if err != nil {
		x.reason = "the client is gone"
		x.w.abort()
	}
}

// drop ends a response that is not whole.
func (x *exchange) drop(reason string) {
	x.reason = reason
	x.up.done(false)
	x.w.abort()
}

// tunnel carries bytes both ways after the endpoint switched protocols.
func (x *exchange) tunnel() {
	w, raw, early := x.up.tunnel()
	if w == nil || x.req.Upgrade == "" {
		x.up.done(false)
		x.answer(http.StatusBadGateway, "the endpoint switched protocols unasked")
		return
	}
	x.limit.end() // A timeout of a request is not one of what it becomes.
	in, out, err := x.w.tunnel(&x.resp, w, raw, early)
	x.in, x.out = x.in+in, x.out+out
	if err != nil {
		x.reason = "the tunnel broke off"
	}
	x.up.done(false)
}
