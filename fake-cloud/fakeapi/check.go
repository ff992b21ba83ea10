package fakeapi

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// Limits of what one resource may say.
const (
	maxLabels         = 64
	maxLabelKey       = 255
	maxLabelValue     = 4096
	maxAddresses      = 8
	maxServers        = 1024
	maxCertificates   = 64
	maxMembersPerCall = 500
	maxWeight         = 1_000_000
	maxSANs           = 32
	maxCAPEM          = 512 << 10
	maxProblems       = 10
)

var (
	namePattern  = regexp.MustCompile(`^[a-zA-Z0-9._/-]{1,255}$`)
	labelPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// checker gathers what is wrong with a request, so that a client learns all of it at once.
type checker struct{ problems []string }

func (c *checker) say(field, format string, args ...any) {
	c.problems = append(c.problems, field+": "+fmt.Sprintf(format, args...))
}

func (c *checker) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	some := c.problems[:min(len(c.problems), maxProblems)]
	message := strings.Join(some, "; ")
	if more := len(c.problems) - len(some); more > 0 {
		message += fmt.Sprintf("; and %d more", more)
	}
	return badRequest(message)
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// atMost says whether a list has a length that can be looked at.
func (c *checker) atMost(field string, have, most int) bool {
	if have > most {
		c.say(field, "%d are more than %d", have, most)
	}
	return have <= most
}

func (c *checker) oneOf(field, got string, want ...string) {
	for _, w := range want {
		if got == w {
			return
		}
	}
	c.say(field, "%q is not one of %s", got, strings.Join(want, ", "))
}

func (c *checker) within(field string, got, low, high int) {
	if got < low || got > high {
		c.say(field, "%d is not in %d to %d", got, low, high)
	}
}

func (c *checker) naming(n naming) {
	if !namePattern.MatchString(n.Name) {
		c.say("name", "it has to be 1 to 255 of a-z A-Z 0-9 . _ / -")
	}
	c.atMost("labels", len(n.Labels), maxLabels)
	for k, v := range n.Labels {
		if k == "" || len(k) > maxLabelKey || strings.ContainsFunc(k, func(r rune) bool { return r == '=' || unicode.IsControl(r) }) {
			c.say("labels", "key %.80q has to be 1 to %d characters without = and control characters", k, maxLabelKey)
		}
		if len(v) > maxLabelValue {
			c.say("labels", "the value of %.80q is longer than %d bytes", k, maxLabelValue)
		}
	}
}

// hostname checks "" or a DNS name in lower case, if wild may be with *. in front.
func (c *checker) hostname(field, name string, wild bool) {
	if name == "" {
		return
	}
	rest := name
	if wild {
		rest = strings.TrimPrefix(name, "*.")
	}
	bad := len(name) > 253
	for _, label := range strings.Split(rest, ".") {
		bad = bad || !labelPattern.MatchString(label)
	}
	if bad {
		c.say(field, "%.300q is not a DNS name in lower case", name)
	}
}

func (c *checker) loadBalancer(w loadBalancerInput) {
	c.naming(w.naming)
	c.oneOf("scheme", string(w.Scheme), string(world.Internet), string(world.Private))
	if !c.atMost("addresses", len(w.Addresses), maxAddresses) {
		return
	}
	seen := map[netip.Addr]bool{}
	for i, s := range w.Addresses {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			c.say(at("addresses", i), "%.80q is not an IP address", s)
		} else if seen[ip] {
			c.say(at("addresses", i), "%s is there twice", ip)
		}
		seen[ip] = true
	}
}

func (w loadBalancerInput) spec() world.LoadBalancerSpec {
	spec := world.LoadBalancerSpec{Scheme: w.Scheme}
	for _, s := range w.Addresses {
		if ip, err := netip.ParseAddr(s); err == nil {
			spec.Addresses = append(spec.Addresses, ip.Unmap())
		}
	}
	return spec
}

func (c *checker) listener(w listenerInput) {
	c.naming(w.naming)
	c.within("port", w.Port, 1, 65535)
	c.oneOf("protocol", string(w.Protocol), "HTTP", "HTTPS", "TLS", "TCP", "UDP")
	if w.Clients != nil {
		c.clients(*w.Clients, w.Protocol)
	}
	if !c.atMost("servers", len(w.Servers), maxServers) {
		return
	}
	names, hosts := map[string]bool{}, map[string]bool{}
	for i, s := range w.Servers {
		field := at("servers", i)
		if !namePattern.MatchString(s.Name) {
			c.say(field+".name", "it has to be 1 to 255 of a-z A-Z 0-9 . _ / -")
		}
		if names[s.Name] {
			c.say(field+".name", "%q is there twice", s.Name)
		}
		if hosts[s.Hostname] {
			c.say(field+".hostname", "%q is there twice", s.Hostname)
		}
		names[s.Name], hosts[s.Hostname] = true, true
		c.hostname(field+".hostname", s.Hostname, true)
		c.serverTLS(field, w.Protocol, s)
	}
}

func (c *checker) serverTLS(field string, p world.Protocol, s world.Server) {
	switch p {
	case world.HTTPS:
		c.oneOf(field+".tls", string(s.TLS), "terminate")
	case world.TLS:
		c.oneOf(field+".tls", string(s.TLS), "terminate", "passthrough")
	case world.HTTP, world.TCP, world.UDP:
		if s.TLS != world.TLSNone {
			c.say(field+".tls", "a %s listener has none", p)
		}
	}
	if (p == world.TCP || p == world.UDP) && s.Hostname != "" {
		c.say(field+".hostname", "a %s listener knows no hostname", p)
	}
	switch {
	case s.TLS == world.TLSTerminate && len(s.Certificates) == 0:
		c.say(field+".certificates", "TLS cannot be terminated without one")
	case s.TLS != world.TLSTerminate && len(s.Certificates) > 0:
		c.say(field+".certificates", "they are of use only where tls is terminate")
	}
	c.atMost(field+".certificates", len(s.Certificates), maxCertificates)
}

func (c *checker) clients(v world.ClientValidation, p world.Protocol) {
	if p != world.HTTPS && p != world.TLS {
		c.say("clients", "a %s listener cannot ask for certificates", p)
	}
	switch {
	case v.CAPEM == "":
		c.say("clients.caPEM", "give certificates to trust")
	case len(v.CAPEM) > maxCAPEM:
		c.say("clients.caPEM", "it is longer than %d bytes", maxCAPEM)
	default:
		c.certificates("clients.caPEM", v.CAPEM)
	}
}

func (w listenerInput) spec() world.ListenerSpec {
	return world.ListenerSpec{Port: uint16(w.Port), Protocol: w.Protocol, Servers: w.Servers, Clients: w.Clients}
}

func (c *checker) pool(w poolInput) {
	c.naming(w.naming)
	c.oneOf("protocol", string(w.Protocol), "HTTP1", "HTTP2", "TCP", "UDP")
	if w.Algorithm != "" {
		c.oneOf("algorithm", string(w.Algorithm), "RoundRobin", "LeastRequest")
	}
	if w.TLS != nil {
		c.poolTLS(*w.TLS, w.Protocol)
	}
	if w.HealthCheck != nil {
		c.healthCheck(*w.HealthCheck, w.Protocol)
	}
	if w.Session != nil {
		c.session("session", *w.Session)
	}
	if w.RetryBudget != nil {
		c.retryBudget(*w.RetryBudget)
	}
	if w.Limits != nil {
		c.span("limits.drain", w.Limits.Drain, time.Millisecond, maxTimeout)
	}
	if c.atMost("members", len(w.Members), maxMembersPerCall) {
		c.members("members", w.Members)
	}
}

func (w poolInput) spec() world.PoolSpec {
	spec := world.PoolSpec{
		Protocol: w.Protocol, Algorithm: w.Algorithm, TLS: w.TLS, Session: w.Session, RetryBudget: w.RetryBudget, Limits: w.Limits,
	}
	if spec.Algorithm == "" {
		spec.Algorithm = world.RoundRobin
	}
	if w.HealthCheck != nil {
		h := *w.HealthCheck
		h.Interval = orElse(h.Interval, world.Duration(time.Second))
		h.Timeout = orElse(h.Timeout, world.Duration(time.Second))
		h.HealthyThreshold = orElse(h.HealthyThreshold, 1)
		h.UnhealthyThreshold = orElse(h.UnhealthyThreshold, 2)
		spec.HealthCheck = &h
	}
	return spec
}

func orElse[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func (c *checker) poolTLS(t world.PoolTLS, p world.PoolProtocol) {
	if p == world.PoolUDP {
		c.say("tls", "a UDP pool has none")
	}
	if t.ServerName == "" {
		c.say("tls.serverName", "it is needed to verify the members")
	}
	c.hostname("tls.serverName", t.ServerName, false)
	switch {
	case t.CAPEM == "" && !t.System:
		c.say("tls.caPEM", "give certificates to trust, or set system to trust those of the machine")
	case t.CAPEM != "" && t.System:
		c.say("tls.caPEM", "caPEM and system exclude each other")
	case len(t.CAPEM) > maxCAPEM:
		c.say("tls.caPEM", "it is longer than %d bytes", maxCAPEM)
	case t.CAPEM != "":
		c.certificates("tls.caPEM", t.CAPEM)
	}
	if c.atMost("tls.dnsNames", len(t.DNSNames), maxSANs) {
		for i, name := range t.DNSNames {
			if name == "" {
				c.say(at("tls.dnsNames", i), "it is empty")
			}
			c.hostname(at("tls.dnsNames", i), name, true)
		}
	}
	if c.atMost("tls.uris", len(t.URIs), maxSANs) {
		for i, s := range t.URIs {
			if u, err := url.Parse(s); err != nil || u.Scheme == "" || len(s) > 2048 {
				c.say(at("tls.uris", i), "%.80q is not an absolute URI", s)
			}
		}
	}
}

// certificates checks PEM that holds nothing but certificates.
func (c *checker) certificates(field, text string) {
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if n == 0 || strings.TrimSpace(string(rest)) != "" {
				c.say(field, "it is not a list of certificates in PEM")
			}
			return
		}
		if _, err := x509.ParseCertificate(block.Bytes); block.Type != "CERTIFICATE" || err != nil {
			c.say(field, "block %d is not a certificate", n+1)
			return
		}
	}
}

func (c *checker) healthCheck(h world.HealthCheck, p world.PoolProtocol) {
	if p == world.PoolUDP {
		c.say("healthCheck", "a UDP pool cannot be checked")
	}
	c.oneOf("healthCheck.type", string(h.Type), "TCP", "HTTP")
	switch {
	case h.Type == world.CheckTCP && h.Path != "":
		c.say("healthCheck.path", "a TCP check has none")
	case h.Type == world.CheckHTTP:
		path, query, _ := strings.Cut(h.Path, "?")
		c.target("healthCheck.path", path)
		if len(query) > maxPath || strings.ContainsFunc(query, func(r rune) bool { return r != '?' && notInPath(r) }) {
			c.say("healthCheck.path", "the query has no space or #, and at most %d bytes", maxPath)
		}
	}
	c.span("healthCheck.interval", h.Interval, 50*time.Millisecond, time.Hour)
	c.span("healthCheck.timeout", h.Timeout, time.Millisecond, 5*time.Minute)
	if h.HealthyThreshold != 0 {
		c.within("healthCheck.healthyThreshold", h.HealthyThreshold, 1, 100)
	}
	if h.UnhealthyThreshold != 0 {
		c.within("healthCheck.unhealthyThreshold", h.UnhealthyThreshold, 1, 100)
	}
}

// span checks a duration that may be left out.
func (c *checker) span(field string, got world.Duration, low, high time.Duration) {
	if d := time.Duration(got); d != 0 && (d < low || d > high) {
		c.say(field, "%s is not in %s to %s", d, low, high)
	}
}

// members checks and converts.
func (c *checker) members(field string, in []memberInput) []world.Member {
	members := make([]world.Member, 0, len(in))
	seen := map[netip.AddrPort]bool{}
	for i, w := range in {
		address := c.memberAddress(at(field, i), w.Address, w.Port)
		m := world.Member{Address: address.Addr(), Port: address.Port(), Weight: 1, Draining: w.Draining}
		if w.Weight != nil {
			if *w.Weight < 1 || *w.Weight > maxWeight {
				c.say(at(field, i)+".weight", "%d is not in 1 to %d", *w.Weight, maxWeight)
			}
			m.Weight = uint32(*w.Weight)
		}
		if seen[address] {
			c.say(at(field, i), "%s is there twice", address)
		}
		seen[address] = true
		members = append(members, m)
	}
	return members
}

func (c *checker) memberRefs(field string, in []memberRefInput) []netip.AddrPort {
	refs := make([]netip.AddrPort, 0, len(in))
	for i, w := range in {
		refs = append(refs, c.memberAddress(at(field, i), w.Address, w.Port))
	}
	return refs
}

func (c *checker) memberAddress(field, address string, port int) netip.AddrPort {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		c.say(field+".address", "%.80q is not the IP address of a host", address)
	}
	c.within(field+".port", port, 1, 65535)
	return netip.AddrPortFrom(ip.Unmap(), uint16(port))
}
