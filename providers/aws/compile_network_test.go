package aws_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

func target(ip string) []ir.Target {
	return []ir.Target{{Address: netip.MustParseAddr(ip), Port: 53}}
}

func l4Listener(protocol ir.Protocol, port uint16, servers ...ir.Server) ir.Listener {
	for i := range servers {
		servers[i].Name = fmt.Sprintf("s%d-%d-%d", protocol, port, i)
		servers[i].Source = ir.Source{Kind: "Gateway", Section: servers[i].Name}
	}
	return ir.Listener{Port: port, Protocol: protocol, Servers: servers}
}

func l4Rule(hostname, pool string) []ir.Rule {
	return []ir.Rule{{Rank: "0", Match: ir.Match{Hostname: hostname}, Action: to(pool), Source: ir.Source{Kind: "Route", Name: pool + hostname}}}
}

// TestNetworkListeners draws listeners as "protocol port groups", then what is refused or different.
func TestNetworkListeners(t *testing.T) {
	tls := func(mode ir.TLSMode, hostname, pool string) ir.Server {
		return ir.Server{Hostname: hostname, TLS: mode, Rules: l4Rule(hostname, pool), Certificates: map[ir.TLSMode][]string{ir.TLSTerminate: {"crt"}}[mode]}
	}
	for _, c := range []struct {
		reason    string
		listeners []ir.Listener
		allowed   bool
		want      string
	}{
		{"TCP", []ir.Listener{l4Listener(ir.ProtocolTCP, 5432, ir.Server{Rules: l4Rule("", "tcp1")})}, false, "TCP 5432 tcp1"},
		{"UDP", []ir.Listener{l4Listener(ir.ProtocolUDP, 53, ir.Server{Rules: l4Rule("", "udp1")})}, false, "UDP 53 udp1"},
		{"both on one port, to the same targets", []ir.Listener{
			l4Listener(ir.ProtocolTCP, 53, ir.Server{Rules: l4Rule("", "tcp1")}), l4Listener(ir.ProtocolUDP, 53, ir.Server{Rules: l4Rule("", "udp1")}),
		}, false, "TCP_UDP 53 tcp1"},
		{"in the other order", []ir.Listener{
			l4Listener(ir.ProtocolUDP, 53, ir.Server{Rules: l4Rule("", "udp1")}), l4Listener(ir.ProtocolTCP, 53, ir.Server{Rules: l4Rule("", "tcp1")}),
		}, false, "TCP_UDP 53 tcp1"},
		{"both on one port, to others", []ir.Listener{
			l4Listener(ir.ProtocolTCP, 53, ir.Server{Rules: l4Rule("", "tcp1")}), l4Listener(ir.ProtocolUDP, 53, ir.Server{Rules: l4Rule("", "udp2")}),
		}, true, "TCP 53 tcp1; port 53 of a Network Load Balancer is for TCP and UDP at once only where both go to the same backends, and that of TCP has it"},
		{"no route yet", []ir.Listener{l4Listener(ir.ProtocolTCP, 53, ir.Server{})}, false, ""},
		{"the one of TCP has no rule", []ir.Listener{
			l4Listener(ir.ProtocolTCP, 53, ir.Server{}), l4Listener(ir.ProtocolUDP, 53, ir.Server{Rules: l4Rule("", "udp2")}),
		}, true, "UDP 53 udp2"},
		{"a hostname is not looked at", []ir.Listener{l4Listener(ir.ProtocolTLS, 443, tls(ir.TLSPassthrough, "a.example.com", "tcp1"))}, false,
			"connections that ask for other host names, or for none, get to the backends too, and its class does not allow that"},
		{"and where it may be so", []ir.Listener{l4Listener(ir.ProtocolTLS, 443, tls(ir.TLSPassthrough, "a.example.com", "tcp1"))}, true,
			"TCP 443 tcp1; connections that ask for other host names, or for none, get to the backends too"},
		{"one of several hostnames", []ir.Listener{l4Listener(ir.ProtocolTLS, 443, tls(ir.TLSPassthrough, "a.example.com", "tcp1"), tls(ir.TLSPassthrough, "b.example.com", "tcp2"))}, true,
			"TCP 443 tcp1; a Network Load Balancer does not look at host names, and the port goes to the backends of another rule; " +
				"connections that ask for other host names, or for none, get to the backends too"},
		{"several hostnames, the same backends", []ir.Listener{l4Listener(ir.ProtocolTLS, 443, tls(ir.TLSPassthrough, "a.example.com", "tcp1"), tls(ir.TLSPassthrough, "b.example.com", "tcp1"))}, true,
			"TCP 443 tcp1; connections that ask for other host names, or for none, get to the backends too; connections that ask for other host names, or for none, get to the backends too"},
		{"the older route has the port", []ir.Listener{l4Listener(ir.ProtocolTLS, 443,
			ir.Server{Hostname: "a.example.com", TLS: ir.TLSPassthrough, Rules: []ir.Rule{{Since: 2, Action: to("tcp1")}}},
			ir.Server{TLS: ir.TLSPassthrough, Rules: []ir.Rule{{Since: 1, Action: to("tcp2")}}})}, true,
			"TCP 443 tcp2; a Network Load Balancer does not look at host names, and the port goes to the backends of another rule"},
		{"TLS ends", []ir.Listener{l4Listener(ir.ProtocolTLS, 443, tls(ir.TLSTerminate, "", "tcp1"))}, false, "TLS 443 tcp1"},
		{"TLS ends and passes", []ir.Listener{l4Listener(ir.ProtocolTLS, 443, tls(ir.TLSTerminate, "", "tcp1"), tls(ir.TLSPassthrough, "b.example.com", "tcp2"))}, true,
			"TLS 443 tcp1; a port of a Network Load Balancer either ends TLS for every host name, or passes it through"},
		{"a backend that is not valid", []ir.Listener{l4Listener(ir.ProtocolTCP, 1, ir.Server{Rules: []ir.Rule{{Action: &ir.Forward{Backends: []ir.Backend{{Weight: 1, Status: 500}}}}}})}, false, "TCP 1 invalid"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			lb := &ir.LoadBalancer{
				Listeners: c.listeners, Approximate: c.allowed, Certificates: []ir.Certificate{{Name: "crt", Chain: []byte("c"), Key: ir.SecretBytes("k")}},
				Pools: []ir.Pool{
					{Name: "tcp1", Protocol: ir.PoolTCP, Targets: target("10.0.0.1")}, {Name: "tcp2", Protocol: ir.PoolTCP, Targets: target("10.0.0.2")},
					{Name: "udp1", Protocol: ir.PoolUDP, Targets: target("10.0.0.1")}, {Name: "udp2", Protocol: ir.PoolUDP, Targets: target("10.0.0.2")},
				},
			}
			compiled := compile(t, lb)
			var got []string
			for _, l := range specs[*aws.Listener](compiled.Graph) {
				groups := ""
				for _, g := range l.Default.Forward.TargetGroups {
					groups += " " + g.TargetGroup[:strings.LastIndexByte(g.TargetGroup, '-')]
				}
				got = append(got, fmt.Sprint(l.Protocol, " ", l.Port, groups))
			}
			for _, r := range compiled.Refused {
				got = append(got, r.Text)
			}
			for _, d := range compiled.Differences {
				got = append(got, d.Text)
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("want %s\n got %s", c.want, text)
			}
		})
	}
}

// TestCertificates chooses certificates: those of the listeners, then those of the settings, as many as there is room for.
func TestCertificates(t *testing.T) {
	lb := httpWith(ir.Rule{})
	l := &lb.Listeners[0]
	l.Port, l.Protocol, l.Servers = 443, ir.ProtocolHTTPS, nil
	for i := range 30 {
		name := fmt.Sprint("crt", i)
		lb.Certificates = append(lb.Certificates, ir.Certificate{Name: name, Chain: []byte(name)})
		l.Servers = append(l.Servers, ir.Server{
			Name: name, Hostname: fmt.Sprintf("h%02d.example.com", i), TLS: ir.TLSTerminate, Certificates: []string{name},
			Source: ir.Source{Kind: "Gateway", Section: name},
		})
	}
	l.Servers = append(l.Servers, ir.Server{Name: "cloud", Hostname: "cloud.example.com", TLS: ir.TLSTerminate, Source: ir.Source{Kind: "Gateway", Section: "cloud"}})
	got := compile(t, lb)
	if n := len(specs[*aws.Listener](got.Graph)[0].Certificates); n != 26 {
		t.Errorf("want 26 certificates, got %d", n)
	}
	if n := len(specs[*aws.Certificate](got.Graph)); n != 26 {
		t.Errorf("want those imported that are used, 26, got %d", n)
	}
	if len(got.Refused) != 5 || got.Refused[0].Source.Section != "crt26" {
		t.Errorf("want the 4 certificates that are too many and the server without one refused, got %v", got.Refused)
	}
	lb.Settings = json.RawMessage(`{"certificates":{"arns":["arn:aws:acm:r:1:certificate/x"],"discover":true}}`)
	l.Servers = l.Servers[29:]
	choices := specs[*aws.Listener](compile(t, lb).Graph)[0].Certificates
	if len(choices) != 3 || choices[0].Node == "" || choices[1].ARN == "" || choices[2].Hostname != "cloud.example.com" {
		t.Errorf("want the server's own, the one of the settings and the one to be discovered, got %+v", choices)
	}
}

// TestCertificatesOfSeveralListeners counts them as AWS does: for the load balancer, but for the default one of each listener, and one that
// several listeners have once.
func TestCertificatesOfSeveralListeners(t *testing.T) {
	lb := httpWith(ir.Rule{})
	lb.Listeners = nil
	listener := func(port uint16, first, n int) {
		l := ir.Listener{Port: port, Protocol: ir.ProtocolHTTPS}
		for i := first; i < first+n; i++ {
			name := fmt.Sprintf("crt%02d", i)
			lb.Certificates = append(lb.Certificates, ir.Certificate{Name: name, Chain: []byte(name)})
			l.Servers = append(l.Servers, ir.Server{
				Name: fmt.Sprint(name, port), Hostname: name + ".example.com", TLS: ir.TLSTerminate, Certificates: []string{name},
				Source: ir.Source{Kind: "Gateway", Section: fmt.Sprintf("%s-%d", name, port)},
			})
		}
		lb.Listeners = append(lb.Listeners, l)
	}
	listener(443, 0, 16)   // 15 beside the default one
	listener(8443, 0, 16)  // the same
	listener(9443, 20, 12) // 11 more, one too many
	got := compile(t, lb)
	counts := make(map[uint16]int)
	for _, l := range specs[*aws.Listener](got.Graph) {
		counts[l.Port] = len(l.Certificates)
	}
	if diff := cmp.Diff(map[uint16]int{443: 16, 8443: 16, 9443: 11}, counts); diff != "" {
		t.Errorf("certificates (-want +got): %s", diff)
	}
	if len(got.Refused) != 1 || got.Refused[0].Source.Section != "crt31-9443" || !strings.Contains(got.Refused[0].Text, "at most 25 certificates") {
		t.Errorf("want the last of port 9443 refused, got %v", got.Refused)
	}
}

// TestClientValidation never serves a listener whose clients cannot be asked.
func TestClientValidation(t *testing.T) {
	lb := httpWith(ir.Rule{})
	lb.Certificates = []ir.Certificate{{Name: "crt", Chain: []byte("c")}}
	l := &lb.Listeners[0]
	l.Protocol, l.Clients = ir.ProtocolHTTPS, &ir.ClientValidation{CAs: []byte("ca")}
	l.Servers[0].TLS, l.Servers[0].Certificates = ir.TLSTerminate, []string{"crt"}
	if got := compile(t, lb); len(specs[*aws.Listener](got.Graph)) != 0 || len(got.Refused) != 1 {
		t.Errorf("without a trust store: want no listener and a refusal, got %s", encoded(t, got))
	}
	lb.Settings, lb.Approximate = json.RawMessage(`{"trustStoreARN":"arn:ts"}`), true
	if got := specs[*aws.Listener](compile(t, lb).Graph)[0].Clients; got == nil || got.Mode != "verify" || got.TrustStore != "arn:ts" {
		t.Errorf("with one: got %+v", got)
	}
}
