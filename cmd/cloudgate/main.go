// Command cloudgate is the controller, the command line tool and, as `cloudgate dev`, both without a cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	// Root certificates for an image that has none. Where the system has its own, these are not looked at.
	_ "golang.org/x/crypto/x509roots/fallback"
)

func main() {
	os.Exit(run())
}

// run is main with a result, so that deferred work is done before the process ends.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: the handler is given back as soon as the first one has come.
	context.AfterFunc(ctx, stop)

	err := newRootCommand().ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(os.Stderr, "cloudgate: %v\n", exit.err)
		}
		return exit.code
	default:
		fmt.Fprintf(os.Stderr, "cloudgate: %v\n", err)
		return 1
	}
}

// exitError ends the process with a code of its own. A nil err prints nothing.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e exitError) Unwrap() error { return e.err }
