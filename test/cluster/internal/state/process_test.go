package state

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
)

func TestProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !process.Alive() {
		t.Error("a process that runs is not alive")
	}
	// The same id, given out again, is another process: it must neither count nor be killed.
	other := process
	other.Start += "0"
	if other.Alive() {
		t.Error("a process that began at another time is alive")
	}
	if err := other.Kill(t.Context(), unix.SIGKILL); err != nil || !process.Alive() {
		t.Errorf("killing a process that is gone: got %v, alive %v, want nothing to happen", err, process.Alive())
	}
	if err := process.Kill(t.Context(), unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if process.Alive() {
		t.Error("a process that was killed is alive before anybody waited for it")
	}
	_ = cmd.Wait()
	if err := process.Kill(t.Context(), unix.SIGKILL); err != nil {
		t.Errorf("killing a process that is gone: %v", err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), path, func() { t.Error("a free lock makes wait") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	waited := 0
	if _, err := Lock(ctx, path, func() { waited++ }); err == nil || waited != 1 {
		t.Errorf("a lock that is taken: got %v, told %d times, want an error and told once", err, waited)
	}
	unlock()
	unlock, err = Lock(t.Context(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestRead: a cluster whose process cannot be seen lives as long as its lock is held, and no process is named that somebody could end.
func TestRead(t *testing.T) {
	at := layout.Cluster{Name: "one", Dir: t.TempDir()}
	if err := Write(at, Cluster{Name: "one", Phase: Running, PIDSpace: "pid:[1]"}); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(at.Process(), Process{PID: 1, Start: "another", Boot: "another"}); err != nil {
		t.Fatal(err)
	}
	phase := func(want Phase, pid int) {
		t.Helper()
		got, found, err := Read(at)
		if err != nil || !found || got.Phase != want || got.First.PID != pid || got.Inside {
			t.Errorf("got %+v, found %v, %v, want phase %s and process %d", got, found, err, want, pid)
		}
	}
	phase(Dead, 1)
	held, err := Hold(at.Held())
	if err != nil {
		t.Fatal(err)
	}
	phase(Running, 0)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	phase(Dead, 1)
	own, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(at.Process(), own); err != nil {
		t.Fatal(err)
	}
	phase(Running, os.Getpid())
}
