package world

import "slices"

// Rule is a set of matches and what happens to a request that meets one of them.
type Rule struct {
	Meta
	RuleSpec
	Listener     string
	LoadBalancer string
}

// RuleSpec is what a client says of a rule. The JSON names, here and in all that it is made of, are those of the native API,
// which uses these types as they are.
type RuleSpec struct {
	Server  string  `json:"server"` // a name in Listener.Servers
	Matches []Match `json:"matches"`
	CORS    *CORS   `json:"cors,omitempty"`
	Action  Action  `json:"action"`
}

// CORS says which pages of other origins may ask for what, and read the answers.
type CORS struct {
	AllowOrigins     []string `json:"allowOrigins,omitempty"` // *, or SCHEME://HOST[:PORT] where a * in HOST stands for anything to its left
	AllowMethods     []string `json:"allowMethods,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitempty"`
	ExposeHeaders    []string `json:"exposeHeaders,omitempty"`
	AllowCredentials bool     `json:"allowCredentials,omitempty"`
	MaxAge           Duration `json:"maxAge,omitzero"`
}

// Match is one alternative. Of all matches of a server's rules that a request meets, the one with the lowest Rank, byte by
// byte, decides; of equal ranks that of the older rule.
type Match struct {
	Rank     string  `json:"rank"`
	Hostname string  `json:"hostname,omitempty"`
	Path     *Path   `json:"path,omitempty"`
	Method   string  `json:"method,omitempty"`
	Headers  []Field `json:"headers,omitempty"`
	Query    []Field `json:"query,omitempty"`
}

// Path is a condition on the path.
type Path struct {
	Type  PathType `json:"type"`
	Value string   `json:"value"`
}

// PathType is how a Path compares.
type PathType string

const (
	PathExact  PathType = "Exact"
	PathPrefix PathType = "Prefix" // by whole segments
	PathRegex  PathType = "Regex"  // RE2, the whole path
)

// Field is a condition on a header or a query parameter.
type Field struct {
	Name  string    `json:"name"`
	Type  FieldType `json:"type,omitempty"` // empty is Exact
	Value string    `json:"value"`
}

// FieldType is how a Field compares.
type FieldType string

const (
	FieldExact FieldType = "Exact"
	FieldRegex FieldType = "Regex"
)

// Action is exactly one of its fields.
type Action struct {
	Forward  *Forward  `json:"forward,omitempty"`
	Redirect *Redirect `json:"redirect,omitempty"`
	Respond  *Respond  `json:"respond,omitempty"`
}

// Forward sends the request to one of Backends by weight.
type Forward struct {
	Backends        []Backend   `json:"backends"`
	RequestHeaders  *HeaderEdit `json:"requestHeaders,omitempty"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
	RewriteHost     string      `json:"rewriteHost,omitempty"`
	RewritePath     *PathEdit   `json:"rewritePath,omitempty"`
	RequestTimeout  Duration    `json:"requestTimeout,omitzero"`
	BackendTimeout  Duration    `json:"backendTimeout,omitzero"`
	Mirrors         []Mirror    `json:"mirrors,omitempty"`
	Retry           *Retry      `json:"retry,omitempty"`
	Session         *Session    `json:"session,omitempty"` // in place of the pools' own
}

// Mirror sends numerator of denominator requests to a pool as well.
type Mirror struct {
	Pool        string `json:"pool"`
	Numerator   uint32 `json:"numerator"`
	Denominator uint32 `json:"denominator"`
}

// Retry says when a request is sent again.
type Retry struct {
	Codes    []int    `json:"codes,omitempty"`
	Attempts int      `json:"attempts"` // after the first
	Backoff  Duration `json:"backoff,omitzero"`
}

// Backend is one share of a Forward: a pool, or a status to answer with.
type Backend struct {
	Weight          uint32      `json:"weight"`
	Pool            string      `json:"pool,omitempty"`
	Status          int         `json:"status,omitempty"`
	RequestHeaders  *HeaderEdit `json:"requestHeaders,omitempty"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
}

// Redirect answers with a Location.
type Redirect struct {
	Scheme          string      `json:"scheme,omitempty"`
	Hostname        string      `json:"hostname,omitempty"`
	Path            *PathEdit   `json:"path,omitempty"`
	Port            uint16      `json:"port,omitempty"`
	Status          int         `json:"status,omitempty"` // 0 is 302
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
}

// Respond answers by itself.
type Respond struct {
	Status          int         `json:"status"`
	ResponseHeaders *HeaderEdit `json:"responseHeaders,omitempty"`
}

// HeaderEdit changes header fields: first Remove, then Set, then Add.
type HeaderEdit struct {
	Set    []Header `json:"set,omitempty"`
	Add    []Header `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// Header is one field.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PathEdit replaces a path or the prefix of it that the rule matched.
type PathEdit struct {
	Type  PathEditType `json:"type"`
	Value string       `json:"value"`
}

// PathEditType is what a PathEdit replaces.
type PathEditType string

const (
	PathEditFull   PathEditType = "Full"
	PathEditPrefix PathEditType = "Prefix"
)

// Pools returns the ids of the pools that the rule names, each once, in order.
func (s *RuleSpec) Pools() []string {
	if s.Action.Forward == nil {
		return nil
	}
	var ids []string
	name := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, b := range s.Action.Forward.Backends {
		name(b.Pool)
	}
	for _, m := range s.Action.Forward.Mirrors {
		name(m.Pool)
	}
	return ids
}

// certificates returns the ids of the certificates that the listener names, each once, in order.
func (s *ListenerSpec) certificates() []string {
	var ids []string
	seen := map[string]bool{}
	for _, server := range s.Servers {
		for _, id := range server.Certificates {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (s *ListenerSpec) hasServer(name string) bool {
	for _, server := range s.Servers {
		if server.Name == name {
			return true
		}
	}
	return false
}
