package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// pod is one backend with a port for each protocol, ready until it is told to end.
type pod struct {
	name      string
	addresses map[string]*string // by kind; empty does not listen
	tls       pairFiles          // empty: a certificate made at the start
	health    string
	drain     time.Duration
	grace     time.Duration
}

// kinds are the protocols of a pod, with their ports where this runs in one.
var kinds = []struct{ name, port, what string }{
	{"http", ":8080", "HTTP/1.1 and h2c"},
	{"tls", ":8443", "HTTPS, with -tls-cert or a certificate made at the start"},
	{"tcp", ":7000", "lines over TCP"},
	{"udp", ":7001", "datagrams"},
	{"dns", ":5353", "DNS over UDP"},
}

func newPod() *pod {
	p := &pod{name: os.Getenv("POD_NAME"), addresses: map[string]*string{}}
	if p.name == "" {
		p.name, _ = os.Hostname() // a pod's is its name
	}
	return p
}

// flags has every listener off, except in a pod, which has its addresses to itself.
func (p *pod) flags(fs *flag.FlagSet) {
	inPod := os.Getenv("KUBERNETES_SERVICE_HOST") != ""
	standard := func(port string) string {
		if inPod {
			return port
		}
		return ""
	}
	for _, k := range kinds {
		p.addresses[k.name] = fs.String(k.name, standard(k.port), "address for "+k.what+"; in a pod "+k.port)
	}
	fs.StringVar(&p.tls.cert, "tls-cert", "", "file with the certificate for HTTPS, in PEM; by default one is made for the first part of the name, as in NAME.example.com")
	fs.StringVar(&p.tls.key, "tls-key", "", "file with its key, in PEM")
	fs.StringVar(&p.health, "health", standard(":8081"), "address of /healthz and /readyz; in a pod :8081")
	fs.StringVar(&p.name, "name", p.name, "name in answers; by default POD_NAME or the host's name")
	fs.DurationVar(&p.drain, "drain", 0, "how long to serve on after SIGTERM, not ready any more")
	fs.DurationVar(&p.grace, "grace", 20*time.Second, "how long requests in flight may take after that")
}

func (p *pod) listens() bool {
	for _, address := range p.addresses {
		if *address != "" {
			return true
		}
	}
	return false
}

// serve answers until ctx ends, then for the time of draining, then finishes what is in flight.
func (p *pod) serve(ctx context.Context, out io.Writer) error {
	var backends []backend
	defer func() {
		for _, b := range backends {
			_ = b.Close() // nothing that asks will ever know
		}
	}()
	for _, k := range kinds {
		address := *p.addresses[k.name]
		if address == "" {
			continue
		}
		b, err := listen(k.name, p.name, address, p.tls)
		if err != nil {
			return err
		}
		backends = append(backends, b)
		fmt.Fprintf(out, "%s answers %s on %s\n", p.name, k.name, b.Addr())
	}
	if p.health != "" {
		health, err := listenHealth(ctx, p.health)
		if err != nil {
			return err
		}
		defer health.Close()
	}
	<-ctx.Done()
	fmt.Fprintf(out, "asked to end: serving for %s, then finishing what is in flight\n", p.drain)
	time.Sleep(p.drain)
	return p.finish(backends)
}

// finish lets every backend end what it is at, all within the one time of grace.
func (p *pod) finish(backends []backend) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.grace)
	defer cancel()
	var errs []error
	for _, b := range backends {
		if g, ok := b.(graceful); ok {
			errs = append(errs, g.Shutdown(ctx))
		}
	}
	return errors.Join(errs...)
}

// listenHealth serves /healthz, and /readyz until ctx ends.
func listenHealth(ctx context.Context, address string) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ctx.Err() != nil {
			http.Error(w, "ending", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}
