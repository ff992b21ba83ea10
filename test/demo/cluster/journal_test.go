package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFailureSaysWhereToLook: what failed, the end of what it said, what to do, and the file with the rest.
func TestAFailureSaysWhereToLook(t *testing.T) {
	w := workshop{dir: t.TempDir()}
	j, err := newJournal(w)
	if err != nil {
		t.Fatal(err)
	}
	err = j.do(t.Context(), stepOf("build it", "Buy a bigger disk.", func(ctx context.Context, task *task) error {
		return task.run(exec.CommandContext(ctx, "sh", "-c", "echo first; echo no space left >&2; exit 3"))
	}))
	if err == nil {
		t.Fatal("no error")
	}
	log := filepath.Join(w.dir, "logs", "build-it.log")
	for _, want := range []string{"build it: ", "exit status 3", "no space left", "Buy a bigger disk.", log} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	content, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(content), "first\n") {
		t.Errorf("the log: %q, %v", content, err)
	}
}

func TestTheFirstTimeOfAStepIsKept(t *testing.T) {
	w := workshop{dir: t.TempDir()}
	var want float64
	for run := range 2 {
		j, err := newJournal(w)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.do(t.Context(), stepOf("nothing", "", func(context.Context, *task) error { return nil })); err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			want = j.rows[0].Seconds
		}
		if got, ok := j.first["nothing"]; !ok || got != want {
			t.Errorf("run %d: first time %v, want %v", run, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, "first-run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newJournal(w); err == nil {
		t.Error("a damaged file was taken for the first run")
	}
}

func TestPlacesThatCannotBeAreRefused(t *testing.T) {
	_, err := choosePlace(t.Context(), workshop{dir: t.TempDir()}, "moon")
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
}
