// Command fakecloud is the fake cloud as a server: its API, its load balancers with their traffic, its DNS and its metrics.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	// Root certificates for an image that has none. Where the system has its own, these are not looked at.
	_ "golang.org/x/crypto/x509roots/fallback"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: the handler is given back as soon as the first one has come.
	context.AfterFunc(ctx, stop)
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fakecloud: "+err.Error())
		os.Exit(1)
	}
}
