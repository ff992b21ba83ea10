package proxy

import "net/http"

// connect tries endpoints until one answers, and passes its answer on.
func (x *exchange) connect(p *pool) {
	if p.cfg.Protocol != PoolHTTP1 && p.cfg.Protocol != PoolHTTP2 {
		x.answer(http.StatusInternalServerError, "the backend does not speak HTTP")
		return
	}
	why := x.attempt(p)
	if why != tryOK {
		x.failed(why)
		return
	}
	x.relay()
	x.limit.end()
	x.member.end()
}

// attempt sends the request to an endpoint, and to others while none got it. After tryOK x.limit and x.member wait for their end.
func (x *exchange) attempt(p *pool) outcome {
	why := tryNone
	for n := 0; n < x.engine.options.MaxTries; n++ {
		m := x.pick(p)
		if m == nil {
			break
		}
		if n > 0 {
			x.client.counters.retries.Add(1)
		}
		x.member = m
		m.begin()
		x.limit.begin()
		if why = m.transport.try(x); why == tryOK {
			return tryOK
		}
		x.limit.end()
		m.end()
		switch why {
		case tryUnsent:
			x.tried.add(m.endpoint)
		case tryStale:
			if !x.repeatable() {
				return tryBroken
			}
			// The same endpoint is as good as another: what was stale was the connection.
			x.fresh = true
		case tryOK, tryBroken, tryTimeout, tryClient, tryNone:
			return why
		}
	}
	return why
}

// repeatable reports whether the request may be sent again after an endpoint may have got it.
func (x *exchange) repeatable() bool { return x.req.Length == 0 && x.req.Idempotent() }
