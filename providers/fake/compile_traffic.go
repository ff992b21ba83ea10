package fake

import "github.com/cloudgate-dev/cloudgate/pkg/ir"

func clientValidation(v *ir.ClientValidation) *ClientValidation {
	if v == nil {
		return nil
	}
	return &ClientValidation{CAPEM: string(v.CAs), InsecureFallback: v.InsecureFallback}
}

func cors(c *ir.CORS) *CORS {
	if c == nil {
		return nil
	}
	return &CORS{
		AllowOrigins:     orNil(c.AllowOrigins),
		AllowMethods:     orNil(c.AllowMethods),
		AllowHeaders:     orNil(c.AllowHeaders),
		ExposeHeaders:    orNil(c.ExposeHeaders),
		AllowCredentials: c.AllowCredentials,
		MaxAge:           Duration(c.MaxAge),
	}
}

func retry(r *ir.Retry) *Retry {
	if r == nil {
		return nil
	}
	return &Retry{Codes: orNil(r.Codes), Attempts: r.Attempts, Backoff: Duration(r.Backoff)}
}

func session(s *ir.Session) *Session {
	if s == nil {
		return nil
	}
	kind := "Cookie"
	if s.Kind == ir.SessionHeader {
		kind = "Header"
	}
	return &Session{Type: kind, Name: s.Name, Lifetime: Duration(s.Lifetime), Permanent: s.Permanent, Path: s.Path}
}

func retryBudget(b *ir.RetryBudget) *RetryBudget {
	if b == nil {
		return nil
	}
	return &RetryBudget{Percent: b.Percent, Interval: Duration(b.Interval), MinCount: b.MinCount, MinInterval: Duration(b.MinInterval)}
}

func limits(l ir.Limits) *Limits {
	if l == (ir.Limits{}) {
		return nil
	}
	return &Limits{Connections: l.Connections, Requests: l.Requests, Drain: Duration(l.Drain)}
}
