package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const usage = `usage: demo-cluster [flags] up | down | visit
  up     what make demo-cluster does
  down   what make demo-cluster-down does
  visit  sends the requests; up runs it on the cluster's network

`

func main() {
	where := flag.String("on", "auto", "kind, own (bin/cluster), or auto: kind where Docker and kind work, else own")
	timeout := flag.Duration("timeout", 45*time.Minute, "for all of it; only the first run takes long")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if err := run(ctx, flag.Arg(0), *where); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo-cluster: %v\n", err)
		stop()
		os.Exit(1) //nolint:gocritic // cancel has nothing left to do
	}
}

func run(ctx context.Context, command, where string) error {
	w, err := openWorkshop()
	if err != nil {
		return err
	}
	switch command {
	case "up":
		return up(ctx, w, where)
	case "down":
		return down(ctx, w)
	case "visit":
		return visitAll(ctx, w)
	default:
		return fmt.Errorf("no command %q: up, down or visit", command)
	}
}

// workshop is the source tree that all is built from, and the folder in it where the demo keeps its own things.
type workshop struct {
	root string
	dir  string
}

func openWorkshop() (workshop, error) {
	root, err := os.Getwd()
	if err != nil {
		return workshop{}, err
	}
	if _, err := os.Stat(filepath.Join(root, "examples", "quickstart")); err != nil {
		return workshop{}, errors.New("run it at the top of the source tree, as make does")
	}
	w := workshop{root: root, dir: filepath.Join(root, ".cache", "demo-cluster")}
	return w, os.MkdirAll(w.dir, 0o755)
}

func (w workshop) path(parts ...string) string {
	return filepath.Join(append([]string{w.root}, parts...)...)
}

// up does all the steps; what is done already costs only a look.
func up(ctx context.Context, w workshop, where string) error {
	p, err := choosePlace(ctx, w, where)
	if err != nil {
		return err
	}
	fmt.Printf("A Kubernetes %s, with Cloudgate and a fake cloud in it.\n", p)
	if !p.knows(w) {
		fmt.Println("The first time this downloads and compiles all of it, which takes 10 minutes and more on two cores; after that it takes seconds.")
	}
	j, err := newJournal(w)
	if err != nil {
		return err
	}
	d := &demo{workshop: w, place: p}
	for _, s := range d.steps() {
		if err := j.do(ctx, s); err != nil {
			return err
		}
	}
	j.finish()
	fmt.Printf("\nAll as it should be. To go on:\n%s  make demo-cluster-down   # take all of it away\n", p.goOn())
	return nil
}

// down takes away whatever an earlier up left, in either place.
func down(ctx context.Context, w workshop) error {
	j, err := newJournal(w)
	if err != nil {
		return err
	}
	used := usedPlaces(w)
	if len(used) == 0 {
		fmt.Println("There is no cluster of the demo's.")
	}
	for _, p := range used {
		s := stepOf("take the cluster down", "Run it again; what is left is in the log.", p.down)
		if err := j.do(ctx, s); err != nil {
			return err
		}
	}
	return removeTraces(w)
}
