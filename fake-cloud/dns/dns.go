// Package dns answers for the names of load balancers: <id>.<zone> has the addresses that the load balancer has. It answers for
// its zones only, keeps nothing, and asks nobody.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

const (
	ttl            = 5    // seconds, where a zone says none
	maxUDP         = 1232 // bytes of an answer over UDP that are not split on the way
	maxInFlight    = 1000 // more are dropped over UDP
	maxConnections = 100  // TCP
	maxPerConn     = 100  // queries on one TCP connection
	ioTimeout      = 2 * time.Second
	idleTimeout    = 8 * time.Second
)

// Config is what a Server is made of.
type Config struct {
	Address string // UDP and TCP; port 0 is one that is free for both
	Zones   []Zone // that do not overlap
	Serial  func() uint32
}

// Zone is what is answered for.
type Zone struct {
	// Name is "lb.example.com", or with a star for one label "elb.*.example.com": each domain that it stands for is a zone of its own.
	Name string
	// Lookup returns the addresses of a name, which comes without the zone, in lower case, and whether there is one. domain is the
	// zone's own name. Safe for concurrent use.
	Lookup func(name, domain string) ([]netip.Addr, bool)
	TTL    uint32 // seconds; 0 for 5: addresses may go soon in tests
}

// Server answers on its address from New on, in so far as questions wait for Run.
type Server struct {
	cfg      Config
	zones    []zone
	udp      net.PacketConn
	tcp      net.Listener
	inFlight chan struct{}
}

// New takes the address. The error is one sentence for the user. Close a Server that is not Run.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, inFlight: make(chan struct{}, maxInFlight)}
	for _, z := range cfg.Zones {
		name := strings.ToLower(dns.Fqdn(z.Name))
		if _, ok := dns.IsDomainName(name); !ok || name == "." {
			return nil, fmt.Errorf("%q is not a DNS zone such as lb.example.com", z.Name)
		}
		s.zones = append(s.zones, zone{Zone: z, labels: dns.SplitDomainName(name)})
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

// zone is a Zone made ready.
type zone struct {
	Zone
	labels []string // of its name, from the left
}

// domain is one domain that a zone stands for, as a question meant it.
type domain struct {
	*zone
	name string // with its last dot
}

// find returns the domain that name is in.
func (s *Server) find(name string) (domain, bool) {
	labels := dns.SplitDomainName(name)
	for i := range s.zones {
		z := &s.zones[i]
		if at := len(labels) - len(z.labels); at >= 0 && z.stands(labels[at:]) {
			return domain{z, dns.Fqdn(strings.Join(labels[at:], "."))}, true
		}
	}
	return domain{}, false
}

func (z *zone) stands(labels []string) bool {
	for i, label := range z.labels {
		if label != "*" && label != labels[i] {
			return false
		}
	}
	return true
}

func (d domain) ttl() uint32 {
	if d.TTL == 0 {
		return ttl
	}
	return d.TTL
}

// listen finds a port that is free for UDP and TCP where any will do.
func (s *Server) listen() error {
	var err error
	for range 20 {
		if s.udp, err = net.ListenPacket("udp", s.cfg.Address); err != nil {
			return s.explain(err)
		}
		if s.tcp, err = net.Listen("tcp", s.udp.LocalAddr().String()); err == nil {
			s.tcp = netutil.LimitListener(s.tcp, maxConnections)
			return nil
		}
		err = errors.Join(err, s.udp.Close())
		if _, port, splitErr := net.SplitHostPort(s.cfg.Address); splitErr != nil || port != "0" {
			break
		}
	}
	return s.explain(err)
}

func (s *Server) explain(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("DNS address %s is in use by another program: stop it, or choose another with --dns-listen", s.cfg.Address)
	}
	return fmt.Errorf("DNS address %s cannot be used: %w", s.cfg.Address, err)
}

// Address returns where the server answers, over UDP and TCP.
func (s *Server) Address() string { return s.udp.LocalAddr().String() }

// Run answers until ctx is done, or until something fails, and gives back the address.
func (s *Server) Run(ctx context.Context) error {
	servers := []*dns.Server{{PacketConn: s.udp, UDPSize: maxUDP}, {Listener: s.tcp, MaxTCPQueries: maxPerConn}}
	g, ctx := errgroup.WithContext(ctx)
	for _, server := range servers {
		server.Handler = dns.HandlerFunc(s.serve)
		server.ReadTimeout, server.WriteTimeout = ioTimeout, ioTimeout
		server.IdleTimeout = func() time.Duration { return idleTimeout }
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		failed := make(chan struct{})
		g.Go(func() error {
			defer close(failed)
			if err := server.ActivateAndServe(); err != nil {
				return fmt.Errorf("DNS: %w", err)
			}
			return nil
		})
		g.Go(func() error {
			select {
			case <-started:
			case <-failed:
				return nil
			}
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), ioTimeout)
			defer cancel()
			if err := server.ShutdownContext(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("DNS: %w", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// Close gives back the address. It does no harm after Run.
func (s *Server) Close() error {
	var failed error
	for _, err := range []error{s.udp.Close(), s.tcp.Close()} {
		if !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func (s *Server) serve(w dns.ResponseWriter, q *dns.Msg) {
	select {
	case s.inFlight <- struct{}{}:
		defer func() { <-s.inFlight }()
	default:
		return // the client asks again
	}
	a := s.answer(q)
	if _, overUDP := w.RemoteAddr().(*net.UDPAddr); overUDP {
		size := dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = max(size, min(int(opt.UDPSize()), maxUDP))
		}
		a.Truncate(size)
	}
	_ = w.WriteMsg(a) // the client may have gone
}

// answer is what the zone says to a question.
func (s *Server) answer(q *dns.Msg) *dns.Msg {
	a := new(dns.Msg)
	a.SetReply(q)
	if opt := q.IsEdns0(); opt != nil {
		a.SetEdns0(maxUDP, false)
		if opt.Version() != 0 {
			a.Rcode = dns.RcodeBadVers
			return a
		}
	}
	switch {
	case q.Opcode != dns.OpcodeQuery:
		a.Rcode = dns.RcodeNotImplemented
		return a
	case len(q.Question) != 1:
		a.Rcode = dns.RcodeFormatError
		return a
	}
	question := q.Question[0]
	name := strings.ToLower(question.Name)
	d, ours := s.find(name)
	if question.Qclass != dns.ClassINET || !ours || question.Qtype == dns.TypeAXFR || question.Qtype == dns.TypeIXFR {
		a.Rcode = dns.RcodeRefused
		return a
	}
	a.Authoritative = true
	if name == d.name {
		s.apex(a, question, d)
	} else {
		s.balancer(a, question, d, strings.TrimSuffix(name, "."+d.name))
	}
	if len(a.Answer) == 0 {
		a.Ns = []dns.RR{s.soa(d)}
	}
	return a
}

func (s *Server) apex(a *dns.Msg, q dns.Question, d domain) {
	if q.Qtype == dns.TypeSOA || q.Qtype == dns.TypeANY {
		a.Answer = append(a.Answer, s.soa(d))
	}
	if q.Qtype == dns.TypeNS || q.Qtype == dns.TypeANY {
		a.Answer = append(a.Answer, &dns.NS{Hdr: d.header(d.name, dns.TypeNS), Ns: "ns." + d.name})
	}
}

func (s *Server) balancer(a *dns.Msg, q dns.Question, d domain, name string) {
	ips, ok := d.Lookup(name, strings.TrimSuffix(d.name, "."))
	if name == "ns" {
		ips, ok = s.self(), true
	}
	if !ok {
		a.Rcode = dns.RcodeNameError
		return
	}
	for _, ip := range ips {
		switch {
		case ip.Is4() && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeANY):
			a.Answer = append(a.Answer, &dns.A{Hdr: d.header(q.Name, dns.TypeA), A: ip.AsSlice()})
		case ip.Is6() && (q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeANY):
			a.Answer = append(a.Answer, &dns.AAAA{Hdr: d.header(q.Name, dns.TypeAAAA), AAAA: ip.AsSlice()})
		}
	}
}

// self is the address of the name server, as far as it is known.
func (s *Server) self() []netip.Addr {
	a, err := netip.ParseAddrPort(s.Address())
	if err != nil || a.Addr().IsUnspecified() {
		return nil
	}
	return []netip.Addr{a.Addr().Unmap()}
}

func (s *Server) soa(d domain) dns.RR {
	return &dns.SOA{
		Hdr: d.header(d.name, dns.TypeSOA), Ns: "ns." + d.name, Mbox: "hostmaster." + d.name,
		Serial: s.cfg.Serial(), Refresh: 60, Retry: 10, Expire: 600, Minttl: ttl,
	}
}

func (d domain) header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: d.ttl()}
}
