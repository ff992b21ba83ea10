//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const nobody = 65534

// becomeNobody makes cmd run a copy of the program, in a directory that nobody owns, as nobody.
func becomeNobody(t *testing.T, dir string, cmd *exec.Cmd) {
	t.Helper()
	raw, err := os.ReadFile(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path = filepath.Join(dir, "fakecloud")
	if err := os.WriteFile(cmd.Path, raw, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Skip(err) // root without root's rights
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
