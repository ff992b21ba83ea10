package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
)

// devOptions are the flags of `cloudgate dev`.
type devOptions struct {
	paths      []string
	once       bool
	output     string
	timeout    time.Duration
	stateDir   string
	listen     string
	awsListen  string
	pool       string
	portOffset int
	verbose    bool
}

// newDevCommand returns `cloudgate dev`: everything in one process, without a cluster.
func newDevCommand() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev -f DIR",
		Short: "Run a whole Cloudgate on this machine: manifests from files, a fake cloud inside, no cluster",
		Long: `Run a whole Cloudgate in one process with no cluster.

Gateway API manifests are read from files and folders, which are watched. The controller and the provider are those of a cluster; the
cloud is the fake cloud, in the process, and carries real traffic: each load balancer answers on a loopback address of its own, on the
listener's port where this user may listen there, else on that port plus an offset. Backends are taken from EndpointSlices.

Gateways of the class fake get load balancers of the fake cloud's own, those of the class aws Application and Network Load Balancers of a
fake AWS.`,
		Example: `  cloudgate dev -f examples/quickstart
  cloudgate dev -f manifests --once -o json   # for scripts: exits 1 when something is wrong`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDev(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVarP(&o.paths, "filename", "f", nil, "folder or file with manifests; may be repeated")
	flags.BoolVar(&o.once, "once", false, "converge, print the result and exit: 0 when all is programmed, 1 when something is wrong")
	flags.StringVarP(&o.output, "output", "o", "text", "text, or json for one document at each change")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "with --once: how long to wait for the end of work")
	flags.StringVar(&o.stateDir, "state-dir", "", "folder in which the fake cloud keeps its state; without it the state goes with the process")
	flags.StringVar(&o.listen, "listen", "", "address of the fake cloud's API (default a free port on 127.0.0.1)")
	flags.StringVar(&o.awsListen, "aws-listen", "", `address of the fake AWS, which Gateways of the class aws get their load balancers in (default a free port on 127.0.0.1; "off" for none)`)
	flags.StringVar(&o.pool, "address-pool", "", "addresses of load balancers (default a part of 127.65.0.0/16 that no other cloudgate dev uses)")
	flags.IntVar(&o.portOffset, "port-offset", 0, "added to ports that this user may not listen on (default 8000)")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log what is done to standard error")
	completeWords(cmd, "output", "text", "json")
	return cmd
}

// usage is an error in how the command was called.
func usage(format string, args ...any) error {
	return exitError{code: 2, err: fmt.Errorf(format+" (see `cloudgate dev --help`)", args...)}
}

func (o devOptions) config(logs io.Writer) (dev.Config, error) {
	config := dev.Config{Paths: o.paths, StateDir: o.stateDir, Listen: o.listen, AWSListen: o.awsListen, PortOffset: o.portOffset}
	if len(o.paths) == 0 {
		return config, usage("no manifests: name a folder with -f")
	}
	if o.output != "text" && o.output != "json" {
		return config, usage("output %q is neither text nor json", o.output)
	}
	if o.pool != "" {
		pool, err := netip.ParsePrefix(o.pool)
		if err != nil || !pool.Addr().IsLoopback() {
			return config, usage("address pool %q is not a range of loopback addresses like 127.64.0.0/16", o.pool)
		}
		config.Pool = pool
	}
	if o.verbose {
		config.Log = slog.New(slog.NewTextHandler(logs, nil))
	}
	return config, nil
}

func runDev(ctx context.Context, o devOptions, out, logs io.Writer) error {
	config, err := o.config(logs)
	if err != nil {
		return err
	}
	// What matters is in the States.
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	if o.once {
		return devOnce(ctx, o, config, out)
	}
	switch {
	case o.output == "json":
		config.Show = dev.ShowJSON(out)
	case isTerminal(out):
		config.Show, config.Refresh = dev.ShowLiveTree(out, colours(out), func() dev.Size { return sizeOf(out) }), time.Second
	default:
		config.Show = dev.ShowChanges(out)
	}
	d, err := dev.New(config)
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// sizeOf returns the size of the terminal out. One that does not tell has no bounds.
func sizeOf(out io.Writer) dev.Size {
	f, ok := out.(*os.File)
	if !ok {
		return dev.Size{}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return dev.Size{}
	}
	return dev.Size{Width: width, Height: height}
}

// devOnce runs until there is nothing left to do, and prints what came of it.
func devOnce(ctx context.Context, o devOptions, config dev.Config, out io.Writer) error {
	config.Show = dev.ShowTree(out, colours(out))
	if o.output == "json" {
		config.Show = dev.ShowJSON(out)
	}
	state, err := dev.Once(ctx, config, o.timeout)
	if err != nil {
		return err
	}
	if !state.Converged {
		return exitError{code: 1, err: fmt.Errorf("not everything is programmed; problems: %d", len(state.Problems))}
	}
	return nil
}
