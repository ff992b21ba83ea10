package aws

import (
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// poolShare is a share of a forward, before its target group is named.
type poolShare struct {
	pool     string // empty for backends that are not valid: a target group without targets
	weight   uint64
	protocol string // of the target group; empty for HTTP or HTTPS, as the pool says
	version  string // protocol version of the target group; empty on a Network Load Balancer
	session  session
}

// session is how a target group keeps clients at one target. The zero value does not.
type session struct {
	seconds int32
}

// Protocol versions of target groups.
const (
	versionHTTP1 = "HTTP1"
	versionHTTP2 = "HTTP2"
	versionGRPC  = "GRPC"
)

// forward lowers a forward. Its target groups are named when the rule is sure to be made.
func (l lowering) forward(v *verdict, r *ir.Rule, f *ir.Forward, a *atom) {
	v.noHeaders(f.RequestHeaders, f.ResponseHeaders)
	v.noTraffic(f)
	v.rewrite(f.Rewrite, r.Match.Path, a)
	invalid, whole := uint32(0), uint32(0)
	for _, b := range f.Backends {
		v.noHeaders(b.RequestHeaders, b.ResponseHeaders)
		whole += b.Weight
		if b.Pool == "" {
			invalid += b.Weight
			continue
		}
		share := poolShare{pool: b.Pool, weight: uint64(b.Weight), session: v.session(f.Session)}
		l.versionOf(v, r, &share)
		a.pools = append(a.pools, share)
	}
	switch {
	case invalid == whole:
		a.pools, a.hostRewrite, a.urlRewrite = nil, nil, nil
		a.action = Action{Fixed: &Fixed{StatusCode: "500", ContentType: "text/plain"}}
		return
	case invalid > 0:
		v.differ("requests for backends that are not valid are answered with status 503 in place of 500")
		a.pools = append(a.pools, poolShare{weight: uint64(invalid), version: a.pools[0].version})
	}
	a.action = Action{Forward: &Forward{}}
	if s := v.session(f.Session); s.seconds > 0 && len(a.pools) > 1 {
		a.action.Forward.Stickiness = s.seconds
	}
}

// noTraffic refuses what an Application Load Balancer has no words for. Its Features say so too, and keep such rules away.
func (v *verdict) noTraffic(f *ir.Forward) {
	switch {
	case f.Timeouts != (ir.Timeouts{}):
		v.refuse(cloud.Unsupported, "an Application Load Balancer has no timeouts of a rule")
	case len(f.Mirrors) > 0:
		v.refuse(cloud.Unsupported, "an Application Load Balancer does not mirror requests")
	case f.Retry != nil:
		v.refuse(cloud.Unsupported, "an Application Load Balancer has no retries of a rule")
	}
}

// longestSession is how long AWS keeps a client at one target.
const longestSession = 7 * 24 * time.Hour

// session lowers session persistence of a rule: AWS's own cookie. Features grade that it has a name of its own, is for all paths, and ends
// so long after the last request, a week at most.
func (v *verdict) session(s *ir.Session) session {
	if s == nil {
		return session{}
	}
	if s.Kind != ir.SessionCookie {
		v.refuse(cloud.Unsupported, "an Application Load Balancer keeps sessions by cookie alone")
		return session{}
	}
	lifetime := s.Lifetime
	if lifetime <= 0 || lifetime > longestSession {
		lifetime = longestSession
	}
	return session{seconds: int32(max(1, lifetime/time.Second))}
}

// versionOf says how a share's target group speaks. HTTP/2 and gRPC are for HTTPS listeners alone.
func (l lowering) versionOf(v *verdict, r *ir.Rule, share *poolShare) {
	pool, ok := l.pools[share.pool]
	if !ok {
		v.refuse(cloud.Invalid, "there is no pool %s", share.pool)
		return
	}
	share.version = versionHTTP1
	switch {
	case r.Source.Kind == "GRPCRoute":
		share.version = versionGRPC
	case pool.Protocol == ir.PoolHTTP2:
		share.version = versionHTTP2
	}
	if share.version != versionHTTP1 && !l.secure {
		v.refuse(cloud.Unsupported, "Application Load Balancers speak HTTP/2 and gRPC to backends only where the listener is HTTPS")
	}
	if share.session == (session{}) {
		share.session = v.session(pool.Session)
	}
}
