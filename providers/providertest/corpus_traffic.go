package providertest

import (
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// traffic uses what governs requests beyond where they go. The certificate that it shows to targets depends on seed.
func traffic(seed string) *ir.LoadBalancer {
	shown := certificate("gateway.example.com", seed)
	front := certificate("www.example.com", "front")
	full := forward("shop/api/80")
	full.Mirrors = []ir.Mirror{{Pool: "shop/shadow/80", Numerator: 1, Denominator: 1}, {Pool: "shop/web/80", Numerator: 25, Denominator: 1000}}
	full.Retry = &ir.Retry{Codes: []int{500, 503}, Attempts: 3, Backoff: 100 * time.Millisecond}
	full.Session = &ir.Session{Kind: ir.SessionCookie, Name: "shop", Lifetime: time.Hour, Permanent: true, Path: "/api"}
	every := rule("traffic", 0, "/api", full)
	every.CORS = &ir.CORS{
		AllowOrigins: []string{"https://*.example.com", "http://localhost:8080"}, AllowMethods: []string{"PUT", "DELETE"},
		AllowHeaders: []string{"X-Token"}, ExposeHeaders: []string{"X-Trace"}, AllowCredentials: true, MaxAge: 10 * time.Minute,
	}
	// The same as the one before but for where pages may come from: another of the cloud's rules.
	open := rule("traffic", 0, "/open", full)
	open.CORS = &ir.CORS{AllowOrigins: []string{"*"}}
	bare := forward("shop/api/80")
	bare.Retry = &ir.Retry{Attempts: 1}
	bare.Session = &ir.Session{Kind: ir.SessionHeader, Name: "X-Session"}

	api := pool("shop/api/80", 2)
	api.TLS = &ir.BackendTLS{ServerName: "api.internal", System: true, Client: shown.Name}
	api.Session = &ir.Session{Kind: ir.SessionCookie, Name: "any"}
	api.Budget = &ir.RetryBudget{Percent: 20, Interval: 10 * time.Second, MinCount: 10, MinInterval: time.Second}
	api.Limits = ir.Limits{Connections: 100, Requests: 1000, Drain: 30 * time.Second}
	shadow := pool("shop/shadow/80", 1)
	shadow.Budget = &ir.RetryBudget{Interval: time.Second}

	s := server("https", every, open, rule("traffic", 1, "/bare", bare))
	s.TLS, s.Certificates = ir.TLSTerminate, []string{front.Name}
	return &ir.LoadBalancer{
		Owner: ownerOf("traffic"), Pools: []ir.Pool{api, shadow, pool("shop/web/80", 1)},
		Certificates: []ir.Certificate{shown, front},
		Listeners: []ir.Listener{{
			Port: 443, Protocol: ir.ProtocolHTTPS, Servers: []ir.Server{s},
			Clients: &ir.ClientValidation{CAs: front.Chain, InsecureFallback: true},
		}},
	}
}

// withoutTraffic is traffic without all that it is about.
func withoutTraffic() *ir.LoadBalancer {
	lb := traffic("first")
	lb.Certificates = lb.Certificates[1:]
	lb.Listeners[0].Clients = nil
	rules := lb.Listeners[0].Servers[0].Rules
	for i := range rules {
		rules[i].CORS, rules[i].Action = nil, forward("shop/api/80")
	}
	lb.Pools = []ir.Pool{pool("shop/api/80", 2)}
	return lb
}
