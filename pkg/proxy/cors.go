package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// corsState is a CORS made ready to act. The lists are as they are sent; a list of "*" stands for all.
type corsState struct {
	anyOrigin   bool
	origins     []originPattern
	methods     string
	headers     string
	expose      string
	maxAge      string
	credentials bool
	varies      bool // what is answered depends on the origin that asks
}

// defaultMaxAge is how long a browser may remember the answer to a preflight request where nothing else is said.
const defaultMaxAge = 5 * time.Second

// newCORS leaves out what cannot be sent, or never be equal to what a browser sends.
func newCORS(rule *Rule, logf func(string, ...any)) *corsState {
	cfg := rule.CORS
	if cfg == nil {
		return nil
	}
	c := &corsState{credentials: cfg.AllowCredentials}
	for _, value := range cfg.AllowOrigins {
		if value == "*" {
			c.anyOrigin = true
		} else if p, ok := newOriginPattern(value); ok {
			c.origins = append(c.origins, p)
		} else {
			logf("rule %q: CORS: %q is no origin; nothing matches it", rule.Name, value)
		}
	}
	list := func(names []string) string {
		var kept []string
		for _, name := range names {
			switch {
			case name == "*":
				return "*"
			case h1.ValidField(name, ""):
				kept = append(kept, name)
			default:
				logf("rule %q: CORS: %q is no name of a method or of a header field; it is left out", rule.Name, name)
			}
		}
		return strings.Join(kept, ", ")
	}
	c.methods, c.headers, c.expose = list(cfg.AllowMethods), list(cfg.AllowHeaders), list(cfg.ExposeHeaders)
	age := cfg.MaxAge
	if age <= 0 {
		age = defaultMaxAge
	}
	c.maxAge = strconv.FormatInt(int64(age/time.Second), 10)
	c.varies = c.anyOrigin && c.credentials || !c.anyOrigin && len(c.origins) > 0
	return c
}

// allow returns what Access-Control-Allow-Origin says to a request from origin, and "" where it is not to be said. It is never "*" together
// with credentials: browsers refuse that.
func (c *corsState) allow(origin string) string {
	if c.anyOrigin && !c.credentials {
		return "*" // To requests without an origin, too, so that a cache may keep one answer for all (Fetch, CORS protocol and HTTP caches).
	}
	if c.anyOrigin && origin == "null" {
		return origin
	}
	o, ok := parseOrigin(origin)
	if !ok {
		return ""
	}
	if c.anyOrigin {
		return origin
	}
	for i := range c.origins {
		if c.origins[i].matches(&o) {
			return origin
		}
	}
	return ""
}

// preflightFor returns the method that x asks about, if x is a preflight request (Fetch, CORS-preflight request).
func (x *exchange) preflightFor() (method string, ok bool) {
	if x.req.Verb != http.MethodOptions {
		return "", false
	}
	if _, ok = x.req.Header("origin"); !ok {
		return "", false
	}
	return x.req.Header("access-control-request-method")
}

// lookupPreflight finds the rule of the request that a preflight request asks about. A rule without CORS has nothing to say to it: the
// preflight request is then one like any other.
func (x *exchange) lookupPreflight(rules *Table) (*route.Route[*Rule], bool) {
	method, ok := x.preflightFor()
	if !ok {
		return nil, false
	}
	own := x.req.Verb
	x.req.Verb = method
	found, ok := rules.Lookup((*asked)(x))
	x.req.Verb = own
	return found, ok && found.Value.CORS != nil
}

// crossOrigin notes what x's answer says of CORS, before any filter touches the request, and reports whether it has answered x already: a
// preflight request goes to no endpoint, whatever the rule's action.
func (x *exchange) crossOrigin(c *corsState) bool {
	origin, _ := x.req.Header("origin")
	x.allowed = c.allow(origin)
	method, ok := x.preflightFor()
	if !ok {
		return false
	}
	x.own(http.StatusNoContent)
	if x.allowed != "" {
		x.preflight(c, method)
	}
	x.reason = "answered by CORS"
	x.send("")
	return true
}

// preflight adds what only answers to preflight requests say. What is allowed without a list is what was asked for: that is right with and
// without credentials, while "*" is not with them, nor is it ever for Authorization.
func (x *exchange) preflight(c *corsState, method string) {
	methods, headers := c.methods, c.headers
	if methods == "*" {
		if methods = method; !h1.ValidField(method, "") {
			methods = ""
		}
	}
	if headers == "*" {
		headers, _ = x.req.Header("access-control-request-headers")
		if !validNames(headers) {
			headers = ""
		}
	}
	if methods != "" {
		x.resp.Add("Access-Control-Allow-Methods", methods)
	}
	if headers != "" {
		x.resp.Add("Access-Control-Allow-Headers", headers)
	}
	x.resp.Add("Access-Control-Max-Age", c.maxAge)
}

// validNames reports whether list is names separated by commas.
func validNames(list string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if !h1.ValidField(strings.Trim(name, " \t"), "") {
			return false
		}
	}
	return true
}

// share makes the answer say what the rule's CORS does, and nothing else: what the endpoint or a filter said of it goes.
func (x *exchange) share() {
	c := x.route.cors
	fields := x.resp.Fields
	h1.Remove(fields, "Access-Control-Allow-Origin")
	h1.Remove(fields, "Access-Control-Allow-Credentials")
	h1.Remove(fields, "Access-Control-Expose-Headers")
	expose := c.expose
	if expose == "*" && c.credentials {
		expose = x.exposed() // There, "*" is the name of a field (Fetch, CORS-exposed header-name list).
	}
	if c.varies && !variesByOrigin(fields) {
		x.resp.Add("Vary", "Origin")
	}
	if x.allowed == "" {
		return
	}
	x.resp.Add("Access-Control-Allow-Origin", x.allowed)
	if c.credentials {
		x.resp.Add("Access-Control-Allow-Credentials", "true")
	}
	if expose != "" {
		x.resp.Add("Access-Control-Expose-Headers", expose)
	}
}

// exposed lists the fields of the answer.
func (x *exchange) exposed() string {
	mark, last := len(x.scratch), ""
	for i := range x.resp.Fields {
		f := &x.resp.Fields[i]
		if f.Gone || f.ID.HopByHop() || h1.EqualFold(f.Name, last) || h1.EqualFold(f.Name, "Set-Cookie") {
			continue
		}
		if last = f.Name; len(x.scratch) > mark {
			x.scratch = append(x.scratch, ", "...)
		}
		x.scratch = append(x.scratch, f.Name...)
	}
	made := x.scratch[mark:]
	return unsafe.String(unsafe.SliceData(made), len(made))
}

// variesByOrigin reports whether a Vary says so already.
func variesByOrigin(fields []h1.Field) bool {
	for i := range fields {
		if fields[i].Gone || !h1.EqualFold(fields[i].Name, "Vary") {
			continue
		}
		for name := range strings.SplitSeq(fields[i].Value, ",") {
			if name = strings.Trim(name, " \t"); name == "*" || h1.EqualFold(name, "Origin") {
				return true
			}
		}
	}
	return false
}
