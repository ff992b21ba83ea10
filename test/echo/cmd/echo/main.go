// Command echo starts a backend for every endpoint of the EndpointSlices in a folder: what `cloudgate dev` on the same folder sends
// traffic to. The name of a slice's port says what the backend speaks: http, tls, tcp, udp or dns.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func main() {
	dir := flag.String("f", "", "folder with manifests; the EndpointSlices in it are served")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, out io.Writer) error {
	if dir == "" {
		return fmt.Errorf("no folder: use -f DIR")
	}
	slices, err := readSlices(dir)
	if err != nil {
		return err
	}
	if len(slices) == 0 {
		return fmt.Errorf("no EndpointSlice in %s", dir)
	}
	for _, slice := range slices {
		for _, port := range slice.Ports {
			for i, endpoint := range slice.Endpoints {
				name := fmt.Sprintf("%s-%d", slice.Name, i)
				if endpoint.TargetRef != nil {
					name = endpoint.TargetRef.Name
				}
				if err := serve(name, endpoint, port, out); err != nil {
					return err
				}
			}
		}
	}
	<-ctx.Done()
	return nil
}

// serve starts one backend, which lives as long as the program.
func serve(name string, endpoint discoveryv1.Endpoint, port discoveryv1.EndpointPort, out io.Writer) error {
	if port.Port == nil || len(endpoint.Addresses) == 0 {
		return fmt.Errorf("%s has no port or no address", name)
	}
	kind := "http"
	if port.Name != nil && *port.Name != "" {
		kind = *port.Name
	}
	address := net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(*port.Port)))
	var err error
	switch kind {
	case "http":
		_, err = echo.ListenHTTP(name, address, nil)
	case "tls":
		err = serveTLS(name, address)
	case "tcp":
		_, err = echo.ListenTCP(name, address)
	case "udp":
		_, err = echo.ListenUDP(name, address)
	case "dns":
		_, err = echo.ListenDNS(name, address, netip.MustParseAddr("192.0.2.1"))
	default:
		return fmt.Errorf("%s: a port named %q is not one of http, tls, tcp, udp, dns", name, kind)
	}
	if err == nil {
		fmt.Fprintf(out, "%s answers %s on %s\n", name, kind, address)
	}
	return err
}

func serveTLS(name, address string) error {
	certificate, err := echo.NewCertificate(name, strings.SplitN(name, "-", 2)[0]+".example.com")
	if err != nil {
		return err
	}
	var pair tls.Certificate
	if pair, err = certificate.TLS(); err != nil {
		return err
	}
	_, err = echo.ListenHTTP(name, address, &pair)
	return err
}

// readSlices reads every EndpointSlice in the folder's YAML files.
func readSlices(dir string) ([]discoveryv1.EndpointSlice, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var found []discoveryv1.EndpointSlice
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, document := range strings.Split(string(content), "\n---\n") {
			var slice discoveryv1.EndpointSlice
			if err := yaml.Unmarshal([]byte(document), &slice); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if slice.Kind == "EndpointSlice" {
				found = append(found, slice)
			}
		}
	}
	return found, nil
}
