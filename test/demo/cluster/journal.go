package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	heartbeat = 15 * time.Second // between signs of life of a long step
	tailLines = 15               // of a log that are shown when its step failed
)

// step is one thing that the demo does. advice says what to do when it fails.
type step struct {
	name, advice string
	act          func(ctx context.Context, t *task) error
}

func stepOf(name, advice string, act func(context.Context, *task) error) step {
	return step{name: name, advice: advice, act: act}
}

// task is a step while it is being done.
type task struct {
	note  string // what came from the cache, for the table
	shown bool   // the log is on the terminal, too

	log  io.Writer
	mu   sync.Mutex
	last string // line of the log
}

// Write implements io.Writer: it logs, and remembers the last line.
func (t *task) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimRight(p, "\n"), []byte("\n"))
	if line := strings.TrimSpace(string(lines[len(lines)-1])); line != "" {
		t.last = line
	}
	return t.log.Write(p)
}

func (t *task) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// run runs a command with its output in the log.
func (t *task) run(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = t, t
	return t.start(cmd)
}

// show runs a command with its output on the terminal and in the log.
func (t *task) show(cmd *exec.Cmd) error {
	t.shown = true
	out := io.MultiWriter(t, indented{os.Stdout})
	cmd.Stdout, cmd.Stderr = out, out
	return t.start(cmd)
}

// output runs a command and returns what it says; complaints go to the log.
func (t *task) output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, t
	err := t.start(cmd)
	return out.Bytes(), err
}

func (t *task) start(cmd *exec.Cmd) error {
	fmt.Fprintf(t.log, "$ %s\n", strings.Join(cmd.Args, " "))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return nil
}

// indented puts two spaces in front of lines.
type indented struct{ w io.Writer }

func (i indented) Write(p []byte) (int, error) {
	text := strings.TrimSuffix(string(p), "\n")
	_, err := fmt.Fprintln(i.w, "    "+strings.ReplaceAll(text, "\n", "\n    "))
	return len(p), err
}

// row is a line of the table at the end.
type row struct {
	Step    string
	Seconds float64
	Note    string
}

// journal tells what is done, how long it took, and where to look when it failed.
type journal struct {
	logs  string
	file  string             // what first is kept in
	first map[string]float64 // seconds that each step took when it was done for the first time
	rows  []row
}

func newJournal(w workshop) (*journal, error) {
	j := &journal{logs: filepath.Join(w.dir, "logs"), file: filepath.Join(w.dir, "first-run.json"), first: map[string]float64{}}
	content, err := os.ReadFile(j.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(content, &j.first); err != nil {
			return nil, fmt.Errorf("%s: %w: remove it", j.file, err)
		}
	}
	return j, os.MkdirAll(j.logs, 0o755)
}

// do does a step.
func (j *journal) do(ctx context.Context, s step) error {
	path := filepath.Join(j.logs, strings.ReplaceAll(s.name, " ", "-")+".log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Printf("\n==> %s\n", s.name)
	t := &task{log: log}
	start := time.Now()
	done := make(chan struct{})
	var alive sync.WaitGroup
	alive.Go(func() { t.tellAlive(done, start) })
	err = s.act(ctx, t)
	close(done)
	alive.Wait()
	took := time.Since(start)
	if err != nil {
		fmt.Fprintf(log, "%v\n", err)
		if !t.shown {
			err = fmt.Errorf("%w\n%s", err, tail(path))
		}
		return fmt.Errorf("%s: %w\nWhat to do: %s\nThe log: %s", s.name, err, s.advice, path)
	}
	r := row{Step: s.name, Seconds: took.Seconds(), Note: t.note}
	j.rows = append(j.rows, r)
	fmt.Printf("    %.1f s%s\n", r.Seconds, prefixed("; ", r.Note))
	if _, known := j.first[s.name]; known {
		return nil
	}
	j.first[s.name] = r.Seconds
	content, err := json.Marshal(j.first)
	if err != nil {
		return err
	}
	return os.WriteFile(j.file, content, 0o644)
}

// tellAlive says every now and then what a long step is at.
func (t *task) tellAlive(done <-chan struct{}, start time.Time) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			last := t.lastLine()
			if len(last) > 100 {
				last = last[:100] + "…"
			}
			fmt.Printf("    still at it after %.0f s%s\n", time.Since(start).Seconds(), prefixed(": ", last))
		}
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return "    " + strings.Join(lines, "\n    ")
}

// finish prints the times of this run beside those of the first, which found empty caches, or what other programs had left in them.
func (j *journal) finish() {
	var first, total float64
	fmt.Printf("\n%-34s %10s %10s\n", "step", "this run", "first run")
	for _, r := range j.rows {
		first += j.first[r.Step]
		total += r.Seconds
		fmt.Printf("%-34s %8.1f s %8.1f s%s\n", r.Step, r.Seconds, j.first[r.Step], prefixed("   ", r.Note))
	}
	fmt.Printf("%-34s %8.1f s %8.1f s\n", "all", total, first)
}
