package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// answerOfDNS is the address that the DNS backend knows for every name.
var answerOfDNS = netip.MustParseAddr("192.0.2.1")

// backend is something that listens.
type backend interface {
	Addr() netip.AddrPort
	Close() error
}

// graceful is a backend that can finish what it is at.
type graceful interface {
	Shutdown(context.Context) error
}

// listen starts a backend of a kind. pair may be empty.
func listen(kind, name, address string, pair pairFiles) (backend, error) {
	switch kind {
	case "http":
		return echo.ListenHTTP(name, address, nil)
	case "tls":
		return listenTLS(name, address, pair)
	case "tcp":
		return echo.ListenTCP(name, address)
	case "udp":
		return echo.ListenUDP(name, address)
	case "dns":
		return echo.ListenDNS(name, address, answerOfDNS)
	default:
		return nil, fmt.Errorf("%s: a port named %q is not one of http, tls, tcp, udp, dns", name, kind)
	}
}

// pairFiles are the files of a certificate and its key.
type pairFiles struct{ cert, key string }

// load reads the certificate, or makes one for the first part of the name: one-1 and one-5d7-x2 are one.example.com.
func (f pairFiles) load(name string) (tls.Certificate, error) {
	if f.cert != "" || f.key != "" {
		return tls.LoadX509KeyPair(f.cert, f.key)
	}
	certificate, err := echo.NewCertificate(name, strings.SplitN(name, "-", 2)[0]+".example.com")
	if err != nil {
		return tls.Certificate{}, err
	}
	return certificate.TLS()
}

func listenTLS(name, address string, files pairFiles) (backend, error) {
	pair, err := files.load(name)
	if err != nil {
		return nil, err
	}
	return echo.ListenHTTP(name, address, &pair)
}
