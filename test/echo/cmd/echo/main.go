// Command echo is backends that say what reached them. With -f it starts one for every endpoint of the EndpointSlices in a folder: what
// `cloudgate dev` on the same folder sends traffic to. In a pod it listens on all addresses, with a port for each protocol.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	dir := flag.String("f", "", "folder with manifests; the EndpointSlices in it are served")
	p := newPod()
	p.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, *dir, p); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, p *pod) error {
	if dir != "" {
		return serveFolder(ctx, dir, os.Stdout)
	}
	if !p.listens() {
		return fmt.Errorf("nothing to serve: use -f DIR, or say where to listen (see -help)")
	}
	return p.serve(ctx, os.Stdout)
}
