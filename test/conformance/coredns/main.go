// Coredns is CoreDNS with the plugins that the conformance suite's own Corefile names, and no others. It is a DNS server behind a UDPRoute.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/whoami"
)

// Plugins run in this order.
func init() { dnsserver.Directives = []string{"errors", "log", "whoami", "forward"} }

func main() { coremain.Run() }
