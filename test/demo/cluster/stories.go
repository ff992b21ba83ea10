package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/demo/visit"
)

const (
	tcpPort  = "7000"
	dnsPort  = "53"
	patience = 30 * time.Second
)

// visit runs `demo-cluster visit` on the cluster's network.
func (d *demo) visit(ctx context.Context, t *task) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t.shown = true
	cmd := d.place.outside(ctx, self, "visit")
	out := io.MultiWriter(os.Stdout, t)
	cmd.Stdout, cmd.Stderr = out, out
	return t.start(cmd)
}

// guest sends the requests of all examples to the addresses in the Gateways' statuses.
type guest struct {
	gateways map[string]gateway
	trust    *tls.Config
}

func visitAll(ctx context.Context, w workshop) error {
	trust, err := w.trust()
	if err != nil {
		return err
	}
	list, err := readGateways(kubectl(ctx, "get", "gateways", "-A", "-o", "json"))
	if err != nil {
		return err
	}
	g := guest{gateways: map[string]gateway{}, trust: trust}
	for _, gw := range list {
		g.gateways[gw.id()] = gw
	}
	stories := map[string]func(context.Context, *visit.Visitor) error{
		"quickstart": quickstart, "whoami": whoami, "left-right": leftRight, "path-prefix-header": prefixHeader, "canary": canary,
		"https": https, "cross-namespace": crossNamespace, "tls-passthrough": passthrough,
		"node-ports": nodePorts, "rolling-update": rollingUpdate,
	}
	for _, e := range examples {
		gw, ok := g.gateways[e.gateway]
		if !ok || gw.address() == "" {
			return fmt.Errorf("no Gateway %s with an address", e.gateway)
		}
		fmt.Printf("\nexamples/%s: Gateway %s at %s\n", e.name, e.gateway, gw.address())
		if err := g.tell(ctx, e.name, gw, stories[e.name]); err != nil {
			return fmt.Errorf("examples/%s: %w", e.name, err)
		}
	}
	return nil
}

// kubectl is the one that the place put in PATH, with its KUBECONFIG.
func kubectl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// tell tells the story of an example: over HTTP where it has a story there.
func (g guest) tell(ctx context.Context, name string, gw gateway, story func(context.Context, *visit.Visitor) error) error {
	switch name {
	case "tcp":
		return lines(ctx, net.JoinHostPort(gw.address(), tcpPort))
	case "udp-dns":
		return dns(ctx, net.JoinHostPort(gw.address(), dnsPort))
	}
	address, err := netip.ParseAddr(gw.address())
	if err != nil {
		return err
	}
	entrances := map[uint16]netip.AddrPort{}
	for _, l := range gw.Spec.Listeners {
		entrances[l.Port] = netip.AddrPortFrom(address, l.Port)
	}
	trust := g.trust
	if name == "tls-passthrough" { // the pods made their certificates themselves
		trust = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	}
	v := visit.New(entrances, trust)
	defer v.Close()
	return story(ctx, v)
}

// after waits for the first request of a story to be answered as it should be: pods that have just come are not in use at once.
func after(ctx context.Context, v *visit.Visitor, first visit.Want, rest ...visit.Want) error {
	if err := v.Await(ctx, first); err != nil {
		return err
	}
	_, err := v.Visit(ctx, append([]visit.Want{first}, rest...)...)
	return err
}

func quickstart(ctx context.Context, v *visit.Visitor) error {
	if err := weights(ctx, 3, 1); err != nil { // as they were before an earlier run
		return err
	}
	for _, first := range []visit.Want{
		{URL: "http://beta.example.com/", Status: http.StatusOK, Backend: "shop-v2"},
		{URL: "https://shop.example.com/", Status: http.StatusOK, Backend: "shop-v1"},
	} {
		if err := v.Await(ctx, first); err != nil {
			return err
		}
	}
	if err := v.Quickstart(ctx, func(ctx context.Context) error { return weights(ctx, 1, 3) }); err != nil {
		return err
	}
	return weights(ctx, 3, 1)
}

// weights sets those of the quickstart's canary.
func weights(ctx context.Context, first, second int) error {
	const path = "/spec/rules/0/backendRefs/%d/weight"
	patch := fmt.Sprintf(`[{"op":"replace","path":"`+path+`","value":%d},{"op":"replace","path":"`+path+`","value":%d}]`, 0, first, 1, second)
	out, err := exec.CommandContext(ctx, "kubectl", "patch", "-n", "quickstart", "httproute", "shop", "--type=json", "-p", patch).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl patch: %w: %s", err, out)
	}
	return nil
}

func whoami(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v,
		visit.Want{URL: "http://whoami/", Status: http.StatusOK, Backend: "whoami-"},
		visit.Want{URL: "http://whoami/elsewhere", Status: http.StatusNotFound})
}

func leftRight(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v,
		visit.Want{URL: "http://www.example.com/left", Status: http.StatusOK, Backend: "left-"},
		visit.Want{URL: "http://www.example.com/right", Status: http.StatusOK, Backend: "right-"})
}

func prefixHeader(ctx context.Context, v *visit.Visitor) error {
	want := visit.Want{URL: "http://www.example.com/get/it", Status: http.StatusOK, Backend: "echo-"}
	if err := v.Await(ctx, want); err != nil {
		return err
	}
	if err := v.Header(ctx, want, "My-Header", "foo"); err != nil {
		return err
	}
	_, err := v.Visit(ctx, visit.Want{URL: "http://www.example.com/getaway", Status: http.StatusNotFound})
	return err
}

func canary(ctx context.Context, v *visit.Visitor) error {
	const url, requests = "http://canary.example.com/", 1000
	if err := v.Await(ctx, visit.Want{URL: url, Status: http.StatusOK, Backend: "canary-"}); err != nil {
		return err
	}
	fmt.Printf("  GET %s %d times, weights 3 and 1:\n", url, requests)
	return v.Shares(ctx, url, requests, "stable-", "canary-", 75)
}

func https(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v,
		visit.Want{URL: "https://secure.example.com/", Status: http.StatusOK, Backend: "secure-"},
		visit.Want{URL: "http://secure.example.com/", Status: http.StatusMovedPermanently})
}

func crossNamespace(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v,
		visit.Want{URL: "http://store.example.com/", Status: http.StatusOK, Backend: "store-"},
		visit.Want{URL: "http://store.example.com/lab", Status: http.StatusOK, Backend: "lab-"},
		visit.Want{URL: "http://lab.example.com/", Status: http.StatusOK, Backend: "lab-"},
		visit.Want{URL: "http://lab.selected.test/", Status: http.StatusNotFound})
}

func passthrough(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v,
		visit.Want{URL: "https://one.example.com/", Status: http.StatusOK, Backend: "one-"},
		visit.Want{URL: "https://two.example.com/", Status: http.StatusOK, Backend: "two-"})
}

func nodePorts(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v, visit.Want{URL: "http://nodes.example.com/", Status: http.StatusOK, Backend: "app-"})
}

func rollingUpdate(ctx context.Context, v *visit.Visitor) error {
	return after(ctx, v, visit.Want{URL: "http://rolling.example.com/", Status: http.StatusOK, Backend: "app-"})
}

// lines sends a line over TCP.
func lines(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var answer string
	err := visit.Await(ctx, func() (err error) {
		answer, err = line(ctx, address)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("  TCP %s: sent %q, got %q\n", address, "hello", answer)
	if !strings.HasPrefix(answer, "lines-") || !strings.HasSuffix(answer, ": hello") {
		return errors.New("not what the backend says")
	}
	return nil
}

func line(ctx context.Context, address string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// dns asks the DNS server behind the load balancer, over UDP.
func dns(ctx context.Context, address string) error {
	const name, want = "demo.example.", "192.0.2.1"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", address)
	}}
	var found []netip.Addr
	err := visit.Await(ctx, func() (err error) {
		found, err = resolver.LookupNetIP(ctx, "ip4", name)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("  UDP %s: asked for the address of %s, got %s\n", address, name, found[0])
	if found[0].Unmap().String() != want {
		return fmt.Errorf("got %s, want %s", found[0], want)
	}
	return nil
}
