package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// state is the part of a document of `cloudgate dev -o json` that the demo reads.
type state struct {
	Converged bool      `json:"converged"`
	Problems  []string  `json:"problems"`
	Gateways  []gateway `json:"gateways"`
}

type gateway struct {
	Name       string     `json:"name"`
	Programmed bool       `json:"programmed"`
	Addresses  []string   `json:"addresses"`
	Listeners  []listener `json:"listeners"`
}

type listener struct {
	Name     string         `json:"name"`
	Port     uint16         `json:"port"`
	Endpoint netip.AddrPort `json:"endpoint"`
}

// entrances are where the listeners really answer, by their ports.
func (g gateway) entrances() map[uint16]netip.AddrPort {
	entrances := map[uint16]netip.AddrPort{}
	for _, l := range g.Listeners {
		entrances[l.Port] = l.Endpoint
	}
	return entrances
}

func (l listener) onItsPort() bool { return l.Endpoint.Port() == l.Port }

// dev is `cloudgate dev` in a process of its own.
type dev struct {
	cmd    *exec.Cmd
	errors bytes.Buffer
	states chan state
}

func startDev(ctx context.Context, cloudgate, dir string) (*dev, error) {
	d := &dev{states: make(chan state)}
	d.cmd = exec.CommandContext(ctx, cloudgate, "dev", "-f", dir, "-o", "json")
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	d.cmd.SysProcAttr = endWithUs()
	d.cmd.WaitDelay = 10 * time.Second
	d.cmd.Stderr = &d.errors
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.states)
		for documents := json.NewDecoder(out); ; {
			var s state
			if err := documents.Decode(&s); err != nil {
				return
			}
			d.states <- s
		}
	}()
	return d, nil
}

// waitProgrammed waits until everything is programmed and returns the Gateway of that name.
func (d *dev) waitProgrammed(ctx context.Context, name string) (gateway, error) {
	var last state
	for {
		select {
		case <-ctx.Done():
			return gateway{}, fmt.Errorf("not programmed in time: %s", strings.Join(last.Problems, "; "))
		case s, ok := <-d.states:
			if !ok {
				return gateway{}, errors.New("cloudgate dev ended")
			}
			last = s
		}
		if !last.Converged {
			continue
		}
		for _, g := range last.Gateways {
			if g.Name == name && g.Programmed && len(g.Addresses) > 0 {
				go d.discard()
				return g, nil
			}
		}
	}
}

// discard reads on, so that cloudgate dev never waits for its output to be taken.
func (d *dev) discard() {
	for range d.states { //nolint:revive // reading is the point
	}
}

// stop asks the process to end and waits for it. Its messages are printed when it did not end well.
func (d *dev) stop() error {
	go d.discard()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("cloudgate dev: %w\n%s", err, d.errors.Bytes())
	}
	return nil
}
