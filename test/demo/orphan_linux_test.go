package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNothingOutlivesAKilledDemo: a `kill -9` gives the demo no chance to end what it started.
func TestNothingOutlivesAKilledDemo(t *testing.T) {
	const role = "CLOUDGATE_TEST_DEMO"
	switch os.Getenv(role) {
	case "parent":
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), role+"=child")
		child.Stdout = os.Stdout // open until both are gone
		child.SysProcAttr = endWithUs()
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(child.Process.Pid)
		time.Sleep(time.Hour)
	case "child":
		time.Sleep(time.Hour)
	}

	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), role+"=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, out) // ends with the last of the two
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(child, syscall.SIGKILL)
		t.Error("the child goes on without the demo")
	}
	_ = parent.Wait() // killed
}
