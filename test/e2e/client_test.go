package e2e

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// visit makes a visitor of a Gateway. roots may be nil where nothing is asked over TLS.
func visit(t testing.TB, g dev.Gateway, roots *x509.CertPool) *traffic.Visitor {
	endpoints := map[string]string{}
	for _, l := range g.Listeners {
		if l.Endpoint != "" { // one that is not programmed may share its port with one that is
			endpoints[strconv.Itoa(int(l.Port))] = l.Endpoint
		}
	}
	return traffic.Visit(t, func(port string) (string, error) {
		if endpoints[port] == "" {
			return "", fmt.Errorf("the Gateway has no endpoint for port %s", port)
		}
		return endpoints[port], nil
	}, roots)
}
