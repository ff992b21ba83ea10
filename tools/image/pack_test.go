package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// build compiles a small program for an architecture.
func build(t *testing.T, architecture string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "small")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, filepath.Join(dir, "main.go"))
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOARCH="+architecture)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func TestEqualProgramsGiveEqualImages(t *testing.T) {
	for _, architecture := range []string{"amd64", "arm64"} {
		program, out := build(t, architecture), t.TempDir()
		first, second := filepath.Join(out, "first.tar"), filepath.Join(out, "second.tar")
		for _, file := range []string{first, second, second} {
			if err := pack(program, "cloudgate-dev/small:dev", file); err != nil {
				t.Fatal(err)
			}
		}
		a, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(second)
		if err != nil {
			t.Fatal(err)
		}
		if len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s: two tars of one program differ", architecture)
		}
		inspect(t, first, architecture, "/small")
	}
}

func TestWhatCannotRunInAnEmptyImageIsRefused(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for program, reason := range map[string]string{text: "a script", "/bin/sh": "linked dynamically", "/nowhere": "not there"} {
		file := filepath.Join(t.TempDir(), "x.tar")
		if err := pack(program, "cloudgate-dev/x:dev", file); err == nil {
			t.Errorf("%s (%s) was packed", program, reason)
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s (%s) left a file: %v", program, reason, err)
		}
	}
}

// TestOurImages looks into what `make images-all` wrote.
func TestOurImages(t *testing.T) {
	root := os.Getenv("IMAGES")
	if root == "" {
		t.Skip("IMAGES does not say where the images are: make test-images")
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		for name, callsOut := range map[string]bool{"cloudgate": true, "fakecloud": true, "echo": false} {
			t.Run(architecture+"/"+name, func(t *testing.T) {
				program := inspect(t, filepath.Join(root, "linux-"+architecture, name+".tar"), architecture, "/"+name)
				if callsOut && !hasRoots(t, program) {
					t.Error("no root certificates inside")
				}
			})
		}
	}
}

// inspect checks an image and returns its program.
func inspect(t *testing.T, file, architecture, entrypoint string) []byte {
	t.Helper()
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != architecture {
		t.Errorf("for %s/%s, want linux/%s", config.OS, config.Architecture, architecture)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("runs as %q, want 65532:65532", config.Config.User)
	}
	if got := config.Config.Entrypoint; len(got) != 1 || got[0] != entrypoint || len(config.Config.Cmd) > 0 {
		t.Errorf("starts %v %v, want %s", got, config.Config.Cmd, entrypoint)
	}
	files := filesOf(t, img)
	if len(files) != 1 || files[entrypoint] == nil {
		t.Fatalf("%d files in the image, want %s alone", len(files), entrypoint)
	}
	return files[entrypoint]
}

// filesOf returns the files of all layers.
func filesOf(t *testing.T, img v1.Image) map[string][]byte {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(content); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if header.Mode != 0o555 || header.Uid != 0 || !header.ModTime.Equal(epoch) {
				t.Errorf("%s: mode %o, owner %d, time %s", header.Name, header.Mode, header.Uid, header.ModTime)
			}
			if files["/"+header.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		content.Close()
	}
	return files
}

// hasRoots tells whether the module with the root certificates was built in. That they are used is tested next to the programs.
func hasRoots(t *testing.T, program []byte) bool {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if m.Path == "golang.org/x/crypto/x509roots/fallback" {
			return true
		}
	}
	return false
}
