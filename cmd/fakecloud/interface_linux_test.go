package main

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// network is a machine that runs fake clouds, and another on the same network.
func network(t *testing.T) (machine, outside *namespace) {
	t.Helper()
	machine, outside = newNamespace(t), newNamespace(t)
	connect(machine, "eth0", outside, "lan0")
	machine.give("eth0", "172.31.0.2/24")
	outside.give("lan0", "172.31.0.1/24")
	machine.route("172.31.0.1")
	return machine, outside
}

// TestAddressesOnAnInterface follows one address from a load balancer's creation to its deletion, seen from another machine.
func TestAddressesOnAnInterface(t *testing.T) {
	machine, outside := network(t)
	n := launch(t, machine, "172.31.0.2:7070", "--interface", "auto")
	n.ready(t)
	backend := machine.backend("172.31.0.2:0")
	alone := machine.addresses("eth0")
	id, ip := n.balancer(t, "a", backend)
	other, otherIP := n.balancer(t, "b", backend)
	if want := (map[string]string{"172.31.0.2/24": "eth0", ip + "/32": "eth0:cg", otherIP + "/32": "eth0:cg"}); cmp.Diff(want, machine.addresses("eth0")) != "" {
		t.Errorf("want %v, got %v", want, machine.addresses("eth0"))
	}
	if pool := netip.MustParsePrefix("172.31.0.240/28"); !pool.Contains(netip.MustParseAddr(ip)) || ip == otherIP {
		t.Errorf("want two addresses of the end of the network, got %s and %s", ip, otherIP)
	}
	for _, at := range []string{ip, otherIP} {
		if status, body := outside.get("http://" + at + "/"); status != 200 || body != "for 172.31.0.1" {
			t.Errorf("from outside: want the backend's answer for 172.31.0.1, got %d %q", status, body)
		}
		if status, body := machine.get("http://" + at + "/"); status != 200 {
			t.Errorf("from the machine itself: got %d %q", status, body)
		}
		if got, want := outside.hardware("lan0", at), machine.hardwareOf("eth0"); got != want {
			t.Errorf("ARP for %s: want %s, got %q", at, want, got)
		}
	}
	outside.give("lo", "198.51.100.7/32")
	if status, body := outside.getFrom("198.51.100.7", "http://"+ip+"/"); status != 200 || body != "for 198.51.100.7" {
		t.Errorf("from beyond the gateway: got %d %q", status, body)
	}
	if status, _ := machine.get("http://172.31.0.2:80/"); status != 0 {
		t.Error("a listener answers on an address that is not its load balancer's")
	}
	n.resolves(t, outside, id, ip)

	n.call(t, 202, "DELETE", "/v1/loadbalancers/"+id, nil)
	eventually(t, "given back", func() bool { return len(machine.addresses("eth0")) == 2 })
	if status, _ := outside.get("http://" + otherIP + "/"); status != 200 {
		t.Error("the other load balancer does not answer any more")
	}
	n.call(t, 202, "DELETE", "/v1/loadbalancers/"+other, nil)
	_, again := n.balancer(t, "c", backend)
	if again != ip {
		t.Errorf("want the address that was given back, %s, got %s", ip, again)
	}
	n.stop(t)
	if diff := cmp.Diff(alone, machine.addresses("eth0")); diff != "" {
		t.Errorf("after a stop (-want +got):\n%s", diff)
	}
}

// resolves asks the machine for the name of a load balancer, over UDP to the load balancer's own address, which has to be the one that
// answers.
func (n *node) resolves(t *testing.T, from *namespace, id, ip string) {
	t.Helper()
	q := new(dns.Msg).SetQuestion(id+".lb.fake.cloudgate.dev.", dns.TypeA)
	for _, network := range []string{"udp", "tcp"} {
		var a *dns.Msg
		var err error
		from.do(func() { a, err = dns.ExchangeContext(t.Context(), q, ip+":7053") })
		if err != nil || len(a.Answer) != 1 || a.Answer[0].(*dns.A).A.String() != ip {
			t.Errorf("%s: want %s, got %v, %v", network, ip, a, err)
		}
	}
}

// TestAStopLetsRequestsEnd: while a request goes on after a stop was asked for, its address stays.
func TestAStopLetsRequestsEnd(t *testing.T) {
	machine, outside := network(t)
	n := launch(t, machine, "172.31.0.2:7070", "--interface", "auto", "--grace", "30s")
	n.ready(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	_, ip := n.balancer(t, "a", machine.serve("172.31.0.2:0", func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		w.WriteHeader(http.StatusAccepted)
	}))
	got := make(chan int)
	go func() {
		status, _ := outside.get("http://" + ip + "/")
		got <- status
	}()
	<-arrived
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no new connections", func() bool {
		var err error
		outside.do(func() {
			var conn net.Conn
			if conn, err = net.Dial("tcp", ip+":80"); err == nil {
				_ = conn.Close() // it was only tried
			}
		})
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if _, there := machine.addresses("eth0")[ip+"/32"]; !there {
		t.Error("the address went before the request ended")
	}
	close(answer)
	if status := <-got; status != http.StatusAccepted {
		t.Errorf("the request that was under way: got %d", status)
	}
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("a stop on request: %v\n%s", err, n.logged)
	}
	if _, there := machine.addresses("eth0")[ip+"/32"]; there {
		t.Error("the address stayed after the stop")
	}
}

// TestKillOnAnInterface kills the program: the addresses stay, are the same after a restart, and what is left over goes.
func TestKillOnAnInterface(t *testing.T) {
	machine, outside := network(t)
	n := launch(t, machine, "172.31.0.2:7070", "--interface", "eth0", "--address-pool", "172.31.0.100-172.31.0.110")
	n.ready(t)
	_, ip := n.balancer(t, "a", machine.backend("172.31.0.2:0"))
	if ip != "172.31.0.100" {
		t.Errorf("want the first of the range, got %s", ip)
	}
	machine.give("eth0", "172.31.0.105/32") // somebody else's
	before := machine.addresses("eth0")
	for range 2 {
		kill(n.cmd)
		if diff := cmp.Diff(before, machine.addresses("eth0")); diff != "" {
			t.Errorf("after a kill (-want +got):\n%s", diff)
		}
		machine.label("eth0", "172.31.0.109/32", "eth0:cg") // ours, of a load balancer that is no more
		n.start(t, "")
		n.ready(t)
		if status, body := outside.get("http://" + ip + "/"); status != 200 {
			t.Errorf("once it is ready again: got %d %q", status, body)
		}
		eventually(t, "what was left over is gone, and nothing else", func() bool { return cmp.Equal(before, machine.addresses("eth0")) })
	}
	n.stop(t)
	if want := (map[string]string{"172.31.0.2/24": "eth0", "172.31.0.105/32": "eth0"}); cmp.Diff(want, machine.addresses("eth0")) != "" {
		t.Errorf("after a stop: want %v, got %v", want, machine.addresses("eth0"))
	}
	n.start(t, "")
	n.ready(t)
	if status, body := outside.get("http://" + ip + "/"); status != 200 {
		t.Errorf("after a stop and a start: got %d %q", status, body)
	}
}

// TestAddressesOfOthers has another machine use addresses of the pool, at first and later.
func TestAddressesOfOthers(t *testing.T) {
	machine, outside := network(t)
	outside.give("lan0", "172.31.0.101/32")
	outside.give("lan0", "172.31.0.103/32")
	machine.give("lo", "172.31.0.102/32")
	n := launch(t, machine, "172.31.0.2:7070", "--interface", "auto", "--address-pool", "172.31.0.101-172.31.0.105")
	n.ready(t)
	backend := machine.backend("172.31.0.2:0")
	_, ip := n.balancer(t, "a", backend)
	if ip != "172.31.0.104" {
		t.Errorf("want the first address that nobody has, 172.31.0.104, got %s", ip)
	}
	refused := n.call(t, 409, "POST", "/v1/loadbalancers", obj{"name": "asks", "scheme": "internet", "addresses": []string{"172.31.0.103"}})
	if text := refused["error"].(obj)["message"].(string); !strings.Contains(text, "in use by the host with hardware address "+outside.hardwareOf("lan0")) {
		t.Errorf("want to be told who has the address, got %q", text)
	}
	// The cloud's clock can be put forward, and what the network knows does not grow older by that.
	n.call(t, 200, "POST", "/admin/v1/clock", obj{"advance": "1h"})
	_, second := n.balancer(t, "b", backend)
	n.call(t, 409, "POST", "/v1/loadbalancers", obj{"name": "asks", "scheme": "internet", "addresses": []string{"172.31.0.103"}})
	refused = n.call(t, 403, "POST", "/v1/loadbalancers", obj{"name": "c", "scheme": "internet"})
	want := "no address of 172.31.0.101-172.31.0.105 is free: load balancers have 2, and 3 are in use by others on the network"
	if got := refused["error"].(obj)["message"]; got != want {
		t.Errorf("want %q, got %q", want, got)
	}

	outside.give("lan0", second+"/32")
	outside.speakAs(second)
	n.says(t, "ADDRESS CONFLICT", second, outside.hardwareOf("lan0"))
	if status, body := n.ns.get(n.url + "/metrics"); status != 200 || !strings.Contains(body, `fakecloud_address_conflicts_total{interface="eth0"} 3`) {
		t.Errorf("want three conflicts in the metrics, got %d %s", status, body)
	}
	if status, body := outside.get("http://" + ip + "/"); status != 200 {
		t.Errorf("the other load balancer: got %d %q", status, body)
	}
}

// TestTheEndsOfANetwork: no host has them, and in a small network they are not numbered 0 and 255.
func TestTheEndsOfANetwork(t *testing.T) {
	machine, outside := newNamespace(t), newNamespace(t)
	connect(machine, "eth0", outside, "lan0")
	machine.give("eth0", "172.31.0.18/28")
	outside.give("lan0", "172.31.0.17/28")
	n := launch(t, machine, "172.31.0.18:7070", "--interface", "eth0", "--address-pool", "172.31.0.16-172.31.0.32")
	n.ready(t)
	for _, end := range []string{"172.31.0.16", "172.31.0.31"} {
		refused := n.call(t, 409, "POST", "/v1/loadbalancers", obj{"name": "asks", "scheme": "internet", "addresses": []string{end}})
		if got := refused["error"].(obj)["message"].(string); !strings.Contains(got, "in use by a network of this machine") {
			t.Errorf("%s: want to be told what it is, got %q", end, got)
		}
	}
	if _, ip := n.balancer(t, "a", machine.backend("172.31.0.18:0")); ip != "172.31.0.19" {
		t.Errorf("want the first address that a host can have and nobody has, 172.31.0.19, got %s", ip)
	}
}

// TestAnInterfaceThatGoesAndComes: its addresses go with it, as the machine's own do; they come back with it, announced.
func TestAnInterfaceThatGoesAndComes(t *testing.T) {
	machine, outside := network(t)
	machine.give("lo", "10.255.0.1/32")
	n := launch(t, machine, "10.255.0.1:7070", "--interface", "eth0")
	n.ready(t)
	_, ip := n.balancer(t, "a", machine.backend("10.255.0.1:0"))
	if status, _ := outside.get("http://" + ip + "/"); status != 200 {
		t.Fatalf("before: got %d", status)
	}
	machine.do(func() { machine.check(netlink.LinkDel(machine.link("eth0"))) })
	n.says(t, "addresses cannot be looked after", "eth0")
	id := n.call(t, 201, "POST", "/v1/loadbalancers", obj{"name": "b", "scheme": "internet"})["id"].(string)
	eventually(t, "the load balancer that has no address says why", func() bool {
		lb := n.call(t, 200, "GET", "/v1/loadbalancers/"+id, nil)
		reason, _ := lb["stateReason"].(string)
		return strings.Contains(reason, "interface eth0: Link not found")
	})
	connect(machine, "eth0", outside, "lan0")
	machine.give("eth0", "172.31.0.2/24")
	outside.give("lan0", "172.31.0.1/24")
	eventually(t, "both have their addresses again", func() bool {
		status, _ := outside.get("http://" + ip + "/")
		return status == 200 && n.call(t, 200, "GET", "/v1/loadbalancers/"+id, nil)["state"] == "active"
	})
}

// TestTwoCloudsOnOneMachine: each has its own interface, and none takes the other's.
func TestTwoCloudsOnOneMachine(t *testing.T) {
	machine, outside := network(t)
	connect(machine, "eth1", outside, "lan1")
	machine.give("eth1", "172.31.1.2/24")
	outside.give("lan1", "172.31.1.1/24")
	a := launch(t, machine, "172.31.0.2:7070", "--interface", "eth0")
	out, err := inNamespace(t, machine, "--state", "memory", "--listen", "172.31.1.2:7071", "--interface", "eth0")
	if err == nil || !strings.Contains(out, "interface eth0 is in use by another fake cloud") {
		t.Errorf("a second one on the same interface: %v %s", err, out)
	}
	b := launch(t, machine, "172.31.1.2:7070", "--interface", "eth1", "--dns-listen", "172.31.1.2:7054")
	a.ready(t)
	b.ready(t)
	backend := machine.backend("172.31.0.2:0")
	_, ipA := a.balancer(t, "a", backend)
	_, ipB := b.balancer(t, "b", backend)
	for _, url := range []string{"http://" + ipA + "/", "http://" + ipB + "/"} {
		eventually(t, url+" answers", func() bool { // a rule gets to the data path after its listener is active
			status, _ := outside.get(url)
			return status == 200
		})
	}
	a.stop(t)
	if diff := cmp.Diff(map[string]string{"172.31.1.2/24": "eth1", ipB + "/32": "eth1:cg"}, machine.addresses("eth1")); diff != "" {
		t.Errorf("the other's interface after one stopped (-want +got):\n%s", diff)
	}
	if status, body := outside.get("http://" + ipB + "/"); status != 200 {
		t.Errorf("the other after one stopped: got %d %q", status, body)
	}
}

func TestInterfacesThatDoNotServe(t *testing.T) {
	machine, _ := network(t)
	tests := []struct {
		says string
		caps []uintptr
		args []string
	}{
		{"interface eth9: Link not found: there are lo, eth0", nil, []string{"--interface", "eth9"}},
		{"address pool fd00::/64: on an interface load balancers have IPv4 addresses alone", nil, []string{"--interface", "eth0", "--address-pool", "fd00::/64"}},
		{"address pool 224.0.1.0/24: addresses of 224.0.0.0/3 are not those of hosts", nil, []string{"--interface", "eth0", "--address-pool", "224.0.1.0/24"}},
		{"address pool 127.0.1.0/24: addresses of 127.0.0.0/8 are not those of hosts", nil, []string{"--interface", "eth0", "--address-pool", "127.0.1.0/24"}},
		{"interface lo has no IPv4 network to take addresses from", nil, []string{"--interface", "lo"}},
		{"interface eth0 cannot be changed: that takes the capability NET_ADMIN", []uintptr{unix.CAP_NET_BIND_SERVICE}, []string{"--interface", "eth0"}},
	}
	for _, tt := range tests {
		t.Run(tt.says, func(t *testing.T) {
			out, err := inNamespaceWith(t, machine, tt.caps, append([]string{"--state", "memory", "--listen", "172.31.0.2:7079"}, tt.args...)...)
			if err == nil || !strings.Contains(out, tt.says) {
				t.Errorf("want %q, got %v %q", tt.says, err, out)
			}
		})
	}
}
