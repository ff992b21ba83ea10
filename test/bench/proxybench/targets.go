//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The ports of every target; the last is ours alone.
const (
	plain   = "plain"
	secure  = "secure"
	echo    = "echo"
	flood   = "flood"
	control = "control"
)

var ports = []string{plain, secure, echo, flood}

const (
	oursName   = "cloudgate"
	beforeName = "before"
)

// target is a proxy under measurement.
type target struct {
	name    string
	version string
	process *process
	at      map[string]string // address by port; what it cannot do is missing
}

// bench is everything that runs.
type bench struct {
	places  places
	folder  string
	cert    certificate
	backend *process
	behind  map[string]string // the backend's addresses
	targets []*target         // ours first
	notes   []string
}

func startBench(ctx context.Context, o options, folder string, places places) (*bench, error) {
	b := &bench{places: places, folder: folder}
	cert, err := makeCertificate(folder)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	b.cert = cert
	if b.backend, err = start(ctx, -1, nil, filepath.Join(o.bin, "backend")); err != nil {
		return nil, err
	}
	if b.behind, err = b.backend.addresses(3); err != nil {
		b.stop()
		return nil, err
	}
	for _, startTarget := range []func(context.Context, options) (*target, error){b.startOurs, b.startBefore, b.startNginx, b.startHAProxy} {
		t, err := startTarget(ctx, o)
		if err != nil {
			b.stop()
			return nil, err
		}
		if t != nil {
			b.targets = append(b.targets, t)
		}
	}
	return b, nil
}

func (b *bench) stop() {
	for _, t := range b.targets {
		t.process.stop()
	}
	b.backend.stop()
}

func (b *bench) proxyCPU() int {
	if b.places.pinned {
		return b.places.proxy
	}
	return -1
}

// note is for what a reader of the result should know.
func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func (b *bench) startOurs(ctx context.Context, o options) (*target, error) {
	return b.startServer(ctx, oursName, "this tree", o.bin)
}

// startBefore starts our proxy as another tree has it, if one is named.
func (b *bench) startBefore(ctx context.Context, o options) (*target, error) {
	if o.before == "" {
		return nil, nil
	}
	return b.startServer(ctx, beforeName, o.before, o.before)
}

func (b *bench) startServer(ctx context.Context, name, tree, folder string) (*target, error) {
	p, err := start(ctx, b.proxyCPU(), []string{"GOMAXPROCS=1"}, filepath.Join(folder, "proxyserver"),
		"-web", b.behind["web"], "-echo", b.behind[echo], "-flood", b.behind[flood], "-cert", b.cert.chain, "-key", b.cert.key)
	if err != nil {
		return nil, err
	}
	at, err := p.addresses(len(ports) + 1)
	if err != nil {
		p.stop()
		return nil, err
	}
	return &target{name: name, version: tree + ", GOMAXPROCS=1", process: p, at: at}, nil
}

func (b *bench) startNginx(ctx context.Context, _ options) (*target, error) {
	nginx, err := findTool("nginx")
	if err != nil {
		b.note("%v.", err)
		return nil, nil
	}
	folder := filepath.Join(b.folder, "nginx")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	module := findStreamModule()
	at, err := freeAddresses()
	if err != nil {
		return nil, err
	}
	if module == "" {
		delete(at, echo)
		delete(at, flood)
		b.note("nginx cannot do TCP here: apt-get install libnginx-mod-stream.")
	}
	file := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(file, []byte(nginxConfig(folder, module, at, b.behind, b.cert)), 0o600); err != nil {
		return nil, err
	}
	p, err := start(ctx, b.proxyCPU(), nil, nginx, "-p", folder, "-e", "stderr", "-c", file)
	if err != nil {
		return nil, err
	}
	version := strings.TrimPrefix(firstLine(nginx, "-v"), "nginx version: ")
	return ready(&target{name: "nginx", version: version, process: p, at: at})
}

func (b *bench) startHAProxy(ctx context.Context, _ options) (*target, error) {
	haproxy, err := findTool("haproxy")
	if err != nil {
		b.note("%v.", err)
		return nil, nil
	}
	at, err := freeAddresses()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.folder, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(haproxyConfig(at, b.behind, b.cert)), 0o600); err != nil {
		return nil, err
	}
	p, err := start(ctx, b.proxyCPU(), nil, haproxy, "-db", "-f", file)
	if err != nil {
		return nil, err
	}
	return ready(&target{name: "HAProxy", version: firstLine(haproxy, "-v"), process: p, at: at})
}

// ready waits until t answers.
func ready(t *target) (*target, error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := answers(t.at[plain])
		if err == nil {
			return t, nil
		}
		select {
		case <-t.process.ended:
			return nil, fmt.Errorf("%s did not start: %w", t.name, t.process.failure())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.process.stop()
			return nil, fmt.Errorf("%s does not answer: %w", t.name, errors.Join(err, t.process.failure()))
		}
	}
}

func answers(address string) error {
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// freeAddresses finds a free port of loopback for each of ports. Others could take one until it is used; then the proxy says so.
func freeAddresses() (map[string]string, error) {
	at := map[string]string{}
	for _, port := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // only when all are found, so that they differ
		at[port] = l.Addr().String()
	}
	return at, nil
}

// mallocs asks our proxy how many objects it has allocated.
func (t *target) mallocs() (uint64, error) {
	body, err := t.ask(http.MethodGet, "/mallocs", nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(body), 10, 64)
}

func (t *target) ask(method, path string, query url.Values) ([]byte, error) {
	request, err := http.NewRequest(method, "http://"+t.at[control]+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}
