package dns

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func serve(t *testing.T) string {
	t.Helper()
	many := []netip.Addr{}
	for i := range 100 {
		many = append(many, netip.AddrFrom4([4]byte{127, 64, 1, byte(i)}))
	}
	s, err := New(Config{
		Address: "127.0.0.1:0", Serial: func() uint32 { return 7 },
		Zones: []Zone{
			{Name: "LB.test", Lookup: func(id, _ string) ([]netip.Addr, bool) {
				ips, ok := map[string][]netip.Addr{
					"lb-1": {netip.MustParseAddr("127.64.0.1")}, "lb-2": {netip.MustParseAddr("127.64.0.2"), netip.MustParseAddr("fd00::2")}, "lb-many": many,
				}[id]
				return ips, ok
			}},
			{Name: "elb.*.example.com", TTL: 60, Lookup: func(name, domain string) ([]netip.Addr, bool) {
				return []netip.Addr{netip.MustParseAddr("127.64.0.3")}, name == "a.b" && domain == "elb.west.example.com"
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Address()
}

func ask(t *testing.T, network, address string, q *dns.Msg) *dns.Msg {
	t.Helper()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second}
	a, _, err := client.Exchange(q, address)
	if err != nil {
		t.Fatal(err)
	}
	a.Compress = true // so that its length is that on the wire
	return a
}

func TestAnswers(t *testing.T) {
	address := serve(t)
	const soa = "lb.test.	5	IN	SOA	ns.lb.test. hostmaster.lb.test. 7 60 10 600 5"
	tests := []struct {
		name, reason string
		kind         uint16
		rcode        int
		answer, ns   []string
	}{
		{"lb-1.lb.test.", "an address", dns.TypeA, dns.RcodeSuccess, []string{"lb-1.lb.test.	5	IN	A	127.64.0.1"}, nil},
		{"LB-1.Lb.TEST.", "case is kept and does not count", dns.TypeA, dns.RcodeSuccess, []string{"LB-1.Lb.TEST.	5	IN	A	127.64.0.1"}, nil},
		{"lb-2.lb.test.", "IPv6", dns.TypeAAAA, dns.RcodeSuccess, []string{"lb-2.lb.test.	5	IN	AAAA	fd00::2"}, nil},
		{"lb-1.lb.test.", "NODATA", dns.TypeAAAA, dns.RcodeSuccess, nil, []string{soa}},
		{"lb-1.lb.test.", "NODATA of another type", dns.TypeMX, dns.RcodeSuccess, nil, []string{soa}},
		{"lb-9.lb.test.", "NXDOMAIN", dns.TypeA, dns.RcodeNameError, nil, []string{soa}},
		{"x.lb-1.lb.test.", "below a load balancer is nothing", dns.TypeA, dns.RcodeNameError, nil, []string{soa}},
		{"lb.test.", "the zone itself has no address", dns.TypeA, dns.RcodeSuccess, nil, []string{soa}},
		{"lb.test.", "SOA", dns.TypeSOA, dns.RcodeSuccess, []string{soa}, nil},
		{"lb.test.", "NS", dns.TypeNS, dns.RcodeSuccess, []string{"lb.test.	5	IN	NS	ns.lb.test."}, nil},
		{"ns.lb.test.", "the name server", dns.TypeA, dns.RcodeSuccess, []string{"ns.lb.test.	5	IN	A	127.0.0.1"}, nil},
		{"example.com.", "not our zone", dns.TypeA, dns.RcodeRefused, nil, nil},
		{"A.b.elb.West.example.com.", "a zone with a star", dns.TypeA, dns.RcodeSuccess, []string{"A.b.elb.West.example.com.	60	IN	A	127.64.0.3"}, nil},
		{"ns.elb.east.example.com.", "each that it stands for has a name server", dns.TypeA, dns.RcodeSuccess,
			[]string{"ns.elb.east.example.com.	60	IN	A	127.0.0.1"}, nil},
		{"a.b.elb.east.example.com.", "and names of its own", dns.TypeA, dns.RcodeNameError, nil,
			[]string{"elb.east.example.com.	60	IN	SOA	ns.elb.east.example.com. hostmaster.elb.east.example.com. 7 60 10 600 5"}},
		{"elb.example.com.", "a star is one label", dns.TypeA, dns.RcodeRefused, nil, nil},
		{"xlb.test.", "ends alike, is not in the zone", dns.TypeA, dns.RcodeRefused, nil, nil},
	}
	for _, tt := range tests {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(network+" "+tt.reason, func(t *testing.T) {
				a := ask(t, network, address, new(dns.Msg).SetQuestion(tt.name, tt.kind))
				if a.Rcode != tt.rcode || a.Authoritative == (tt.rcode == dns.RcodeRefused) {
					t.Errorf("want %s, got %s, authoritative %v", dns.RcodeToString[tt.rcode], dns.RcodeToString[a.Rcode], a.Authoritative)
				}
				if diff := cmp.Diff(tt.answer, lines(a.Answer)); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.ns, lines(a.Ns)); diff != "" {
					t.Errorf("authority (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func lines(rrs []dns.RR) (lines []string) {
	for _, rr := range rrs {
		lines = append(lines, rr.String())
	}
	return lines
}

func TestLongAnswersAreCutOverUDP(t *testing.T) {
	address := serve(t)
	q := new(dns.Msg).SetQuestion("lb-many.lb.test.", dns.TypeA)
	if a := ask(t, "udp", address, q); !a.Truncated || a.Len() > dns.MinMsgSize {
		t.Errorf("without EDNS: truncated %v, %d bytes", a.Truncated, a.Len())
	}
	if a := ask(t, "tcp", address, q); a.Truncated || len(a.Answer) != 100 {
		t.Errorf("over TCP: truncated %v, %d answers", a.Truncated, len(a.Answer))
	}
	q.SetEdns0(65000, false)
	if a := ask(t, "udp", address, q); a.Len() > maxUDP || a.IsEdns0() == nil {
		t.Errorf("with EDNS: %d bytes, OPT %v", a.Len(), a.IsEdns0())
	}
}

func TestQuestionsThatAreNone(t *testing.T) {
	address := serve(t)
	q := new(dns.Msg).SetQuestion("lb-1.lb.test.", dns.TypeAXFR)
	if a := ask(t, "tcp", address, q); a.Rcode != dns.RcodeRefused {
		t.Errorf("AXFR: got %s", dns.RcodeToString[a.Rcode])
	}
	q = new(dns.Msg).SetQuestion("lb-1.lb.test.", dns.TypeA)
	q.Question[0].Qclass = dns.ClassCHAOS
	if a := ask(t, "udp", address, q); a.Rcode != dns.RcodeRefused {
		t.Errorf("class CHAOS: got %s", dns.RcodeToString[a.Rcode])
	}
	q = new(dns.Msg).SetUpdate("lb.test.")
	if a := ask(t, "udp", address, q); a.Rcode != dns.RcodeNotImplemented {
		t.Errorf("an update: got %s", dns.RcodeToString[a.Rcode])
	}
}

func TestAnOccupiedAddress(t *testing.T) {
	address := serve(t)
	_, err := New(Config{Address: address, Zones: []Zone{{Name: "lb.test"}}})
	if want := "DNS address " + address + " is in use by another program: stop it, or choose another with --dns-listen"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	for _, zone := range []string{"", ".", "a..b"} {
		if _, err := New(Config{Address: "127.0.0.1:0", Zones: []Zone{{Name: zone}}}); err == nil {
			t.Errorf("zone %q was taken", zone)
		}
	}
}
