package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// binary builds the program that users run, once: without the race detector, so that what it needs is what it needs for them.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "cloudgate")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../../cmd/cloudgate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return path, nil
})

func program(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startProgram is start with `cloudgate dev` in a process of its own, whose id it returns too.
func startProgram(t *testing.T, flags []string, fill ...func(*world)) (*world, int) {
	t.Helper()
	return onFake.startProgram(t, flags, fill...)
}

func (c class) startProgram(t *testing.T, flags []string, fill ...func(*world)) (*world, int) {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), class: c, states: make(chan struct{})}
	for _, f := range fill {
		f(w)
	}
	cmd := exec.Command(program(t), append([]string{"dev", "-f", w.dir, "-o", "json"}, flags...)...)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.takeAll(out) }()
	w.stop = sync.OnceFunc(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		if err := errors.Join(<-done, cmd.Wait()); err != nil {
			t.Errorf("cloudgate dev: %v\n%s", err, failure.String())
		}
	})
	t.Cleanup(w.stop)
	first := w.wait("the first state", func(s dev.State) bool { return s.Cloud != "" })
	w.cloud, w.aws = traffic.Cloud{URL: first.Cloud}, traffic.OpenAWS(first.AWS, dev.AWSRegion)
	return w, cmd.Process.Pid
}

func (w *world) takeAll(out io.Reader) error {
	for documents := json.NewDecoder(out); ; {
		var s dev.State
		if err := documents.Decode(&s); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := w.take(s); err != nil {
			return err
		}
	}
}

// call runs the program to its end and returns what it printed and its exit code.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*traffic.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), args...)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), failure.String(), cmd.ProcessState.ExitCode()
}

func TestOnceInAScript(t *testing.T) {
	pool := newPool().String()
	out, failure, code := call(t, "dev", "-f", filepath.Join("..", "..", "examples", "whoami"), "--once", "-o", "json", "--address-pool", pool)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, failure)
	}
	var s dev.State
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("not one JSON document: %v\n%s", err, out)
	}
	g, ok := gatewayOf(s, "web")
	if !s.Converged || !ok || !g.Programmed || len(g.Addresses) == 0 || g.Listeners[0].Endpoint == "" {
		t.Errorf("state: %s", out)
	}

	// The quickstart without its certificate: what can serve is programmed, the exit code says that something is wrong.
	out, failure, code = call(t, "dev", "-f", filepath.Join("..", "..", "examples", "quickstart"), "--once", "--address-pool", pool)
	if code != 1 || strings.Count(failure, "\n") != 1 {
		t.Errorf("exit code %d with %q, want 1 with one line", code, failure)
	}
	for _, want := range []string{"Gateway default/web", "InvalidCertificateRef", "HTTPRoute default/shop"} {
		if !strings.Contains(out, want) {
			t.Errorf("the tree lacks %q:\n%s", want, out)
		}
	}
}

func TestMistakesAreOneClearLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	manifests := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"unknown flag", []string{"dev", "--nonsense"}, 2, []string{"--nonsense", "--help"}},
		{"no manifests", []string{"dev"}, 2, []string{"-f"}},
		{"missing folder", []string{"dev", "-f", "/does/not/exist"}, 1, []string{"/does/not/exist", "no such file"}},
		{"wrong output", []string{"dev", "-f", manifests, "-o", "xml"}, 2, []string{"xml", "json"}},
		{"pool outside of loopback", []string{"dev", "-f", manifests, "--address-pool", "10.0.0.0/8"}, 2, []string{"10.0.0.0/8", "127."}},
		{"occupied address", []string{"dev", "-f", manifests, "--listen", taken.Addr().String()}, 1, []string{taken.Addr().String(), "in use"}},
		{"state folder is a file", []string{"dev", "-f", manifests, "--state-dir", file}, 1, []string{file}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got, code := call(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if strings.Count(got, "\n") != 1 {
				t.Errorf("not one line: %q", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q does not say %q", got, want)
				}
			}
		})
	}
}

// TestTwoAtOnce: a user with two terminals. Neither gets the other's addresses.
func TestTwoAtOnce(t *testing.T) {
	fill := func(name string) func(*world) {
		return func(w *world) {
			example("whoami")(w)
			w.serve("whoami", name)
		}
	}
	first, _ := startProgram(t, nil, fill("first"))
	second, _ := startProgram(t, nil, fill("second"))
	visit(t, first.programmed("web", 1), nil).Want("http://whoami/", 200, "first")
	visit(t, second.programmed("web", 1), nil).Want("http://whoami/", 200, "second")
}

// TestStateDirKeepsAddresses: with a state folder a Gateway has the address that it had before the restart.
func TestStateDirKeepsAddresses(t *testing.T) { tellStateDirKeepsAddresses(t, onFake) }

func tellStateDirKeepsAddresses(t *testing.T, on class) {
	manifests := on.copied(t, filepath.Join("..", "..", "examples", "whoami"))
	state, pool := t.TempDir(), newPool().String()
	var addresses []string
	for range 2 {
		out, failure, code := call(t, "dev", "-f", manifests, "--once", "-o", "json", "--address-pool", pool, "--state-dir", state)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, failure)
		}
		var s dev.State
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatal(err)
		}
		g, _ := gatewayOf(s, "web")
		addresses = append(addresses, strings.Join(g.Addresses, " "))
	}
	if addresses[0] == "" || addresses[0] != addresses[1] {
		t.Errorf("addresses of two runs: %q", addresses)
	}
}

// TestDamagedStateIsSaid: a state that cannot be used is put aside, and the user is told where.
func TestDamagedStateIsSaid(t *testing.T) {
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, "fakecloud.db"), []byte("this is no state"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, failure, code := call(t, "dev", "-f", filepath.Join("..", "..", "examples", "whoami"), "--once", "-o", "json",
		"--address-pool", newPool().String(), "--state-dir", state)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, failure)
	}
	var s dev.State
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	aside, err := filepath.Glob(filepath.Join(state, "fakecloud.db.*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("put aside: %q, %v; want one file", aside, err)
	}
	if !says(s.Warnings, aside[0]) {
		t.Errorf("warnings %q do not name %s", s.Warnings, aside[0])
	}
}
