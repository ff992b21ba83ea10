// Proxyserver runs proxy.Engine alone in a process, with a configuration that proxybench measures. It prints its addresses and ends when
// its standard input does.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "proxyserver:", err)
		os.Exit(1)
	}
}

func run() error {
	var f flags
	flag.TextVar(&f.web, "web", netip.AddrPort{}, "the HTTP backend")
	flag.TextVar(&f.echo, "echo", netip.AddrPort{}, "the TCP backend that echoes")
	flag.TextVar(&f.flood, "flood", netip.AddrPort{}, "the TCP backend that sends without end")
	flag.StringVar(&f.cert, "cert", "", "`file` with the certificate chain in PEM")
	flag.StringVar(&f.key, "key", "", "`file` with its key in PEM")
	flag.IntVar(&f.routes, "routes", 10_000, "how many routes the HTTP listeners have")
	flag.Parse()

	site, err := newSite(f)
	if err != nil {
		return err
	}
	engine := proxy.New(proxy.Options{Logf: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }})
	if err := engine.Apply(site.config); err != nil {
		return err
	}
	for _, name := range []string{plain, secure, echo, flood} {
		address, bound := engine.ListenerAddress(name)
		if !bound {
			return fmt.Errorf("listener %q is not bound", name)
		}
		fmt.Printf("%s=%s\n", name, address)
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("control=%s\n", control.Addr())
	go http.Serve(control, controlHandler(engine, site)) //nolint:errcheck,gosec // it ends with the process, and only proxybench knows it

	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := engine.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// certificate reads the certificate of flags, and checks it, so that a mistake is said before the measurement.
func (f flags) certificate() (*proxy.Certificate, error) {
	chain, err := os.ReadFile(f.cert)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return nil, err
	}
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		return nil, err
	}
	return &proxy.Certificate{Chain: chain, Key: key}, nil
}
