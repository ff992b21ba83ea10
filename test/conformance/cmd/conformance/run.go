package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// options of run.
type options struct {
	table, log string // files to write; empty for none
	complete   bool   // it is an error when a test about gateways is skipped
	standard   bool   // the standard channel is installed, and what it lacks need not run
}

// run runs a command whose standard output is test2json's, and returns its exit status. Signals that end this program reach the command
// too, which is in the same process group: it is waited for.
func run(out io.Writer, command []string, o options) (int, error) {
	if len(command) == 0 {
		return 0, errors.New("no command to run")
	}
	log := io.Discard
	if o.log != "" {
		f, err := os.Create(o.log)
		if err != nil {
			return 0, err
		}
		defer func() { _ = f.Close() }() // what was not written of a log is no reason to fail
		log = f
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	r := newResults(out, log, o.standard)
	readErr := r.read(events)
	status, err := exitStatus(cmd.Wait())
	if err = errors.Join(readErr, err); err != nil {
		return 0, err
	}
	r.summary(out)
	if o.table != "" {
		if err := os.WriteFile(o.table, []byte(r.table()), 0o644); err != nil { //nolint:gosec // a report for everybody
			return 0, err
		}
	}
	switch {
	case status != 0:
		return status, nil
	case len(r.of(passed)) == 0:
		return 0, errors.New("not one test ran")
	case o.complete && !r.complete():
		return 0, errors.New("not every test ran: what is skipped is not supported")
	default:
		return 0, nil
	}
}

func exitStatus(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), nil
	default:
		return 0, err
	}
}

// event is one line of `go tool test2json`.
type event struct {
	Time   time.Time
	Action string
	Test   string
	Output string
}

// read takes events until the end. A line that is none is passed to the log: a program that dies writes what it likes.
func (r *results) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(r.log, lines.Text())
			continue
		}
		r.take(e)
	}
	return lines.Err()
}
