package fakeapi

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

const (
	maxMirrors     = 16
	maxDenominator = math.MaxInt32
	maxCodes       = 200 // all from 400 to 599
	maxAttempts    = 100
	maxBackoff     = 5 * time.Minute
	maxSessionName = 128
	maxBudget      = time.Minute
	maxOrigins     = 64
	maxOrigin      = 320
	maxAge         = math.MaxInt32 * time.Second
)

func (c *checker) mirror(field string, m world.Mirror) {
	if m.Pool == "" {
		c.say(field+".pool", "name the pool to which requests go as well")
	}
	if m.Denominator == 0 || m.Denominator > maxDenominator || m.Numerator > m.Denominator {
		c.say(field, "%d of %d requests cannot be: the denominator is 1 to %d, and the numerator not above it", m.Numerator, m.Denominator, maxDenominator)
	}
}

func (c *checker) retry(field string, r world.Retry) {
	c.within(field+".attempts", r.Attempts, 0, maxAttempts)
	c.span(field+".backoff", r.Backoff, time.Millisecond, maxBackoff)
	if !c.atMost(field+".codes", len(r.Codes), maxCodes) {
		return
	}
	for i, code := range r.Codes {
		c.within(at(field+".codes", i), code, 400, 599)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(r.Codes)))) < len(r.Codes) {
		c.say(field+".codes", "a code is there twice")
	}
}

func (c *checker) session(field string, s world.Session) {
	c.oneOf(field+".type", string(s.Type), "Cookie", "Header")
	switch {
	case !isToken(s.Name) || len(s.Name) > maxSessionName:
		c.say(field+".name", "%.80q is not the name of a cookie or header of at most %d bytes", s.Name, maxSessionName)
	case s.Type == world.SessionHeader:
		c.fieldName(field+".name", s.Name)
	}
	if d := time.Duration(s.Lifetime); d < 0 || d > 0 && d < time.Second {
		c.say(field+".lifetime", "%s is less than a second", d)
	}
	if s.Permanent && s.Lifetime == 0 {
		c.say(field+".lifetime", "a permanent cookie needs one")
	}
	if s.Type == world.SessionHeader && (s.Permanent || s.Path != "") {
		c.say(field, "permanent and path are for cookies")
	}
	if s.Path != "" {
		c.target(field+".path", s.Path)
		if strings.Contains(s.Path, ";") {
			c.say(field+".path", "%.80q cannot be written into a cookie", s.Path)
		}
	}
}

func (c *checker) retryBudget(b world.RetryBudget) {
	c.within("retryBudget.percent", b.Percent, 0, 100)
	if d := time.Duration(b.Interval); d < time.Second || d > maxBudget {
		c.say("retryBudget.interval", "%s is not in %s to %s", d, time.Second, maxBudget)
	}
	c.within("retryBudget.minCount", b.MinCount, 0, 1_000_000)
	c.span("retryBudget.minInterval", b.MinInterval, time.Second, maxBudget)
	if (b.MinCount == 0) != (b.MinInterval == 0) {
		c.say("retryBudget", "minCount and minInterval belong together")
	}
}

func (c *checker) cors(o world.CORS) {
	if c.atMost("cors.allowOrigins", len(o.AllowOrigins), maxOrigins) {
		for i, origin := range o.AllowOrigins {
			c.origin(at("cors.allowOrigins", i), origin)
		}
	}
	c.tokens("cors.allowMethods", o.AllowMethods)
	c.tokens("cors.allowHeaders", o.AllowHeaders)
	c.tokens("cors.exposeHeaders", o.ExposeHeaders)
	if d := time.Duration(o.MaxAge); d < 0 || d > maxAge || d%time.Second != 0 {
		c.say("cors.maxAge", "%s is not whole seconds up to %s", d, maxAge)
	}
}

// tokens checks names, of which * is one.
func (c *checker) tokens(field string, names []string) {
	if !c.atMost(field, len(names), maxFields) {
		return
	}
	for i, name := range names {
		if !isToken(name) || len(name) > 256 {
			c.say(at(field, i), "%.80q is not a name", name)
		}
	}
}

// originHost is a DNS name, an address, or either with * for anything to the left of what follows.
var originHost = regexp.MustCompile(`^(\*|(\*\.?)?[a-zA-Z0-9-]([a-zA-Z0-9.-]*[a-zA-Z0-9-])?|\[[0-9a-fA-F:.]+\])$`)

func (c *checker) origin(field, origin string) {
	if origin == "*" {
		return
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i+1:]
		n, err := strconv.Atoi(port)
		ok = ok && err == nil && n >= 1 && n <= 65535
	}
	if !ok || scheme == "" || !isToken(scheme) || len(origin) > maxOrigin || !originHost.MatchString(host) {
		c.say(field, "%.80q is not * or an origin such as https://example.com or https://*.example.com:8443", origin)
	}
}
