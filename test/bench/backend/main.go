//go:build linux

// Backend is what the proxies under measurement forward to: it answers as cheaply as it can, so that it is not what is measured.
// It understands GET requests without a body, and nothing that a hostile client would send. It prints the addresses that it listens on
// and ends when its standard input does.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "backend:", err)
		os.Exit(1)
	}
}

func run() error {
	loop, err := newLoop()
	if err != nil {
		return err
	}
	for _, kind := range []kind{web, echo} {
		address, err := loop.listen(kind)
		if err != nil {
			return fmt.Errorf("listening for %s: %w", kind, err)
		}
		fmt.Printf("%s=%s\n", kind, address)
	}
	flood, err := listenFlood()
	if err != nil {
		return fmt.Errorf("listening for flood: %w", err)
	}
	fmt.Printf("flood=%s\n", flood.Addr())
	go serveFlood(flood)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started us is gone, however that came
		os.Exit(0)
	}()
	return loop.run()
}
