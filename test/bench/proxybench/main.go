//go:build linux

// Proxybench measures the CPU time that a request costs in pkg/proxy, nginx and HAProxy, side by side: the three take turns within one
// run, under the same load, on a CPU of their own where there are two. It prints a table of medians and ratios.
//
// Only the ratios mean something on another machine, and only within one run. See README.md for how it measures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type options struct {
	quick  bool
	output string
	bin    string
	before string
	only   string
	rounds int
	length time.Duration
	warmUp time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "take two minutes instead of ten, with more noise")
	flag.StringVar(&o.output, "o", "", "also write the result to this `file`, in Markdown")
	flag.StringVar(&o.bin, "bin", "", "`folder` of the programs backend and proxyserver; default: this program's")
	flag.StringVar(&o.before, "before", "", "`folder` of a proxyserver of another tree, which takes its turns beside this one's")
	flag.StringVar(&o.only, "only", "", "measure only what has this `text` in its name")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each proxy gets its turn; at least 3")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "proxybench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	o.rounds = max(o.rounds, 3)
	o.length, o.warmUp = 5*time.Second, time.Second
	if o.quick {
		o.length, o.warmUp = time.Second, 0
	}
	if o.bin == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.bin = filepath.Dir(self)
	}
	if err := checkTools("wrk", "h2load"); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "proxybench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)

	places := choosePlaces()
	bench, err := startBench(ctx, o, folder, places)
	if err != nil {
		return err
	}
	defer bench.stop()

	result, err := bench.measureAll(ctx, o)
	if err != nil {
		return err
	}
	text := result.markdown()
	fmt.Println(text)
	if o.output != "" {
		return os.WriteFile(o.output, []byte(text), 0o644)
	}
	return nil
}

// packages is where Debian has what is measured and what measures.
var packages = map[string]string{
	"wrk":     "wrk",
	"h2load":  "nghttp2-client",
	"nginx":   "nginx libnginx-mod-stream",
	"haproxy": "haproxy",
}

func missing(tool string) error {
	return fmt.Errorf("%s is not there: apt-get install %s", tool, packages[tool])
}

func checkTools(tools ...string) error {
	var all []error
	for _, tool := range tools {
		if _, err := findTool(tool); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// findTool also looks where Debian puts servers, which is not in every user's PATH.
func findTool(name string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", missing(name)
}

// firstLine returns the first line that a program prints, which tells its version.
func firstLine(name string, args ...string) string {
	out, _ := exec.Command(name, args...).CombinedOutput() // wrk -v exits with 1
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
