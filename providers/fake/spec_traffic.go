package fake

// ClientValidation is what a listener asks of clients.
type ClientValidation struct {
	CAPEM            string `json:"caPEM"`
	InsecureFallback bool   `json:"insecureFallback,omitempty"`
}

// CORS is what pages of other origins may do.
type CORS struct {
	AllowOrigins     []string `json:"allowOrigins,omitempty"`
	AllowMethods     []string `json:"allowMethods,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitempty"`
	ExposeHeaders    []string `json:"exposeHeaders,omitempty"`
	AllowCredentials bool     `json:"allowCredentials,omitempty"`
	MaxAge           Duration `json:"maxAge,omitzero"`
}

// Mirror is a share of the requests that goes to a pool as well. In a spec the pool is a name in the graph, on the wire an id.
type Mirror struct {
	Pool        string `json:"pool"`
	Numerator   uint32 `json:"numerator"`
	Denominator uint32 `json:"denominator"`
}

// Retry says when a request is sent again.
type Retry struct {
	Codes    []int    `json:"codes,omitempty"`
	Attempts int      `json:"attempts"`
	Backoff  Duration `json:"backoff,omitzero"`
}

// Session keeps a client at one member.
type Session struct {
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Lifetime  Duration `json:"lifetime,omitzero"`
	Permanent bool     `json:"permanent,omitempty"`
	Path      string   `json:"path,omitempty"`
}

// RetryBudget bounds the retries at a pool.
type RetryBudget struct {
	Percent     int      `json:"percent"`
	Interval    Duration `json:"interval"`
	MinCount    int      `json:"minCount,omitempty"`
	MinInterval Duration `json:"minInterval,omitzero"`
}

// Limits bound what each member of a pool gets.
type Limits struct {
	Connections uint32   `json:"connections,omitempty"`
	Requests    uint32   `json:"requests,omitempty"`
	Drain       Duration `json:"drain,omitzero"`
}

func (c *CORS) canonical() *CORS {
	if c == nil {
		return nil
	}
	out := *c
	out.AllowOrigins, out.AllowMethods = orNil(c.AllowOrigins), orNil(c.AllowMethods)
	out.AllowHeaders, out.ExposeHeaders = orNil(c.AllowHeaders), orNil(c.ExposeHeaders)
	return &out
}

func (r *Retry) canonical() *Retry {
	if r == nil {
		return nil
	}
	out := *r
	out.Codes = orNil(r.Codes)
	return &out
}
