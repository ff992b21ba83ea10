package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace of this test: a machine on the test's network.
type namespace struct {
	t  *testing.T
	fd int
	nl *netlink.Handle
}

// newNamespace makes a machine without any interface but its loopback. It skips the test where that is not allowed.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{t: t, fd: -1}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and nobody else runs in the namespace
		made <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			var err error
			if n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
				return err
			}
			n.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE)
			return err
		}()
	}()
	err := <-made
	t.Cleanup(func() {
		if n.nl != nil {
			n.nl.Close()
		}
		if n.fd >= 0 {
			_ = unix.Close(n.fd) // nothing is lost
		}
	})
	if err != nil {
		t.Skipf("network namespaces cannot be made here (that takes root): %v", err)
	}
	n.up("lo")
	return n
}

func (n *namespace) check(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *namespace) link(name string) netlink.Link {
	n.t.Helper()
	link, err := n.nl.LinkByName(name)
	n.check(err)
	return link
}

func (n *namespace) up(name string) {
	n.t.Helper()
	n.check(n.nl.LinkSetUp(n.link(name)))
}

// give puts an address such as "172.31.0.2/16" on an interface.
func (n *namespace) give(name, address string) {
	n.t.Helper()
	addr, err := netlink.ParseAddr(address)
	n.check(err)
	n.check(n.nl.AddrAdd(n.link(name), addr))
}

// connect is a cable between two machines.
func connect(a *namespace, nameA string, b *namespace, nameB string) {
	a.t.Helper()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(b.fd)}
	a.check(a.nl.LinkAdd(veth))
	a.up(nameA)
	b.up(nameB)
}

// addresses are those on an interface, with their labels.
func (n *namespace) addresses(name string) map[string]string {
	n.t.Helper()
	list, err := n.nl.AddrList(n.link(name), netlink.FAMILY_V4)
	n.check(err)
	got := map[string]string{}
	for _, a := range list {
		got[a.IPNet.String()] = a.Label
	}
	return got
}

// do runs f on a thread that is in the namespace.
func (n *namespace) do(f func()) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(n.fd, unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	n.check(<-done)
}

// client speaks HTTP from the namespace, from one of its addresses or, where that is empty, from any.
func (n *namespace) client(from string) *http.Client {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			n.do(func() { conn, err = dialer.DialContext(ctx, network, address) })
			return conn, err
		},
	}}
}

// get returns status and body, or 0 and the error.
func (n *namespace) get(url string) (int, string) { return n.getFrom("", url) }

// getFrom is get from one of the namespace's addresses.
func (n *namespace) getFrom(from, url string) (int, string) {
	resp, err := n.client(from).Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// backend answers on an address of the namespace with the field that tells who asked.
func (n *namespace) backend(address string) string {
	n.t.Helper()
	return n.serve(address, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "for %s", r.Header.Get("X-Forwarded-For")) // the client may have gone
	})
}

func (n *namespace) serve(address string, handler http.HandlerFunc) string {
	n.t.Helper()
	var l net.Listener
	var err error
	n.do(func() { l, err = net.Listen("tcp4", address) })
	n.check(err)
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: handler}
	go func() { _ = s.Serve(l) }() // until it is closed
	n.t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// node is a fakecloud on a machine of the test's network.
type node struct {
	process
	ns     *namespace
	args   []string
	logged *lines
}

// lines are what a process has logged, to be read while it runs.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// launch starts the program in the namespace as a user who has the capabilities NET_ADMIN and NET_BIND_SERVICE and no others. The API
// answers on api.
func launch(t *testing.T, ns *namespace, api string, args ...string) *node {
	t.Helper()
	dir, err := os.MkdirTemp("", "fakecloud") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	n := &node{ns: ns, args: append([]string{
		"--state", filepath.Join(dir, "state.db"), "--listen", api, "--dns-listen", ":7053", "--aws-listen", "off", "--log-format", "json", "--grace", "1s",
	}, args...)}
	n.start(t, dir)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", api, n.logged)
		}
	})
	return n
}

func (n *node) start(t *testing.T, dir string) {
	t.Helper()
	cmd := program(t, n.args...)
	if dir != "" {
		becomeNobody(t, dir, cmd)
	} else { // again
		cmd.Path = n.cmd.Path
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: n.cmd.SysProcAttr.Credential}
	}
	cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE}
	n.logged = &lines{}
	cmd.Stderr = n.logged
	var err error
	n.ns.do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	n.cmd, n.url = cmd, "http://"+n.args[3]
	eventually(t, "it answers", func() bool {
		if cmd.Process.Signal(syscall.Signal(0)) != nil {
			t.Fatalf("it ended: %s", n.logged)
		}
		status, _ := n.ns.get(n.url + "/healthz")
		return status == 200
	})
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // it was killed
}

// ready waits until the load balancers of the state have their addresses.
func (n *node) ready(t *testing.T) {
	t.Helper()
	eventually(t, "ready", func() bool {
		status, _ := n.ns.get(n.url + "/readyz")
		return status == 200
	})
}

// stop asks the process to end and waits until it has.
func (n *node) stop(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("a stop on request: %v\n%s", err, n.logged)
	}
}

// call makes a call of the API from the machine itself.
func (n *node) call(t *testing.T, want int, method, path string, body obj) obj {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, n.url+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := n.ns.client("").Do(req)
	if err != nil {
		t.Fatalf("%v\n%s", err, n.logged)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s: want %d, got %d %s", method, path, want, resp.StatusCode, answer)
	}
	got := obj{}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// balancer makes a load balancer with a listener for HTTP on port 80 that forwards to a backend, waits until it is active, and returns
// its id and address.
func (n *node) balancer(t *testing.T, name, backend string, asked ...string) (id, ip string) {
	t.Helper()
	spec := obj{"name": name, "scheme": "internet"}
	if len(asked) > 0 {
		spec["addresses"] = asked
	}
	id = n.call(t, 201, "POST", "/v1/loadbalancers", spec)["id"].(string)
	ls := n.call(t, 201, "POST", "/v1/loadbalancers/"+id+"/listeners",
		obj{"name": "http", "port": 80, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})["id"].(string)
	at := netip.MustParseAddrPort(backend)
	pool := n.call(t, 201, "POST", "/v1/pools", obj{"name": name, "protocol": "HTTP1",
		"members": []obj{{"address": at.Addr().String(), "port": at.Port()}}})["id"].(string)
	n.call(t, 201, "POST", "/v1/listeners/"+ls+"/rules", obj{
		"name": name, "server": "all", "matches": []obj{{"rank": name, "path": obj{"type": "Prefix", "value": "/"}}},
		"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": pool}}}},
	})
	eventually(t, name+" active", func() bool {
		return n.call(t, 200, "GET", "/v1/listeners/"+ls, nil)["state"] == "active"
	})
	lb := n.call(t, 200, "GET", "/v1/loadbalancers/"+id, nil)
	if lb["state"] != "active" {
		t.Errorf("the listener is active, and the load balancer is %v", lb)
	}
	return id, lb["ips"].([]any)[0].(string)
}

// says waits for a line in the log that has all the words.
func (n *node) says(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, "logged: "+strings.Join(words, " "), func() bool {
		for line := range strings.SplitSeq(n.logged.String(), "\n") {
			found := true
			for _, w := range words {
				found = found && strings.Contains(line, w)
			}
			if found {
				return true
			}
		}
		return false
	})
}

// route makes gateway that of the default route.
func (n *namespace) route(gateway string) {
	n.t.Helper()
	n.check(n.nl.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)}))
}

// label puts an address with a label on an interface.
func (n *namespace) label(name, address, label string) {
	n.t.Helper()
	addr, err := netlink.ParseAddr(address)
	n.check(err)
	addr.Label = label
	n.check(n.nl.AddrAdd(n.link(name), addr))
}

func (n *namespace) hardwareOf(name string) string {
	n.t.Helper()
	return n.link(name).Attrs().HardwareAddr.String()
}

// hardware is whom the namespace thinks an address belongs to.
func (n *namespace) hardware(name, ip string) string {
	n.t.Helper()
	list, err := n.nl.NeighList(n.link(name).Attrs().Index, netlink.FAMILY_V4)
	n.check(err)
	for _, e := range list {
		if e.IP.String() == ip {
			return e.HardwareAddr.String()
		}
	}
	return ""
}

// speakAs sends something from an address to somebody who is not there, which takes a question by ARP first.
func (n *namespace) speakAs(ip string) {
	n.t.Helper()
	n.do(func() {
		conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)}, &net.UDPAddr{IP: net.ParseIP("172.31.0.77"), Port: 9})
		if err == nil {
			_, err = conn.Write([]byte("x"))
			_ = conn.Close()
		}
		if err != nil {
			n.t.Error(err)
		}
	})
}

// inNamespace runs the program to its end.
func inNamespace(t *testing.T, ns *namespace, args ...string) (string, error) {
	t.Helper()
	return inNamespaceWith(t, ns, nil, args...)
}

// inNamespaceWith is inNamespace for a user who has the capabilities, or where there are none for root.
func inNamespaceWith(t *testing.T, ns *namespace, caps []uintptr, args ...string) (string, error) {
	t.Helper()
	cmd := program(t, args...)
	if caps != nil {
		dir, err := os.MkdirTemp("", "fakecloud")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it lies in the directory for such
		becomeNobody(t, dir, cmd)
		cmd.SysProcAttr.AmbientCaps = caps
	}
	var out bytes.Buffer
	cmd.Stderr = &out
	var err error
	ns.do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill() // it may have ended
		err = <-ended
		t.Fatalf("it does not end, and was killed: %v %s", err, &out)
	}
	return out.String(), err
}
