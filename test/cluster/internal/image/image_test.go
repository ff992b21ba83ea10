package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("the program"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := Image{Name: "example.test/one:dev", Program: program, Path: "/program", User: "65532"}
	first, second := filepath.Join(dir, "first.tar"), filepath.Join(dir, "second.tar")
	if err := errors.Join(one.Write(first), one.Write(second)); err != nil {
		t.Fatal(err)
	}
	files := untar(t, read(t, first))
	if !bytes.Equal(read(t, first), read(t, second)) {
		t.Error("equal inputs gave different images")
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 1 || len(manifest[0].Layers) != 1 || manifest[0].RepoTags[0] != one.Name || files[manifest[0].Config] == nil {
		t.Fatalf("manifest: got %+v, want one image with one layer and its configuration", manifest)
	}
	layer := untar(t, files[manifest[0].Layers[0]])
	if got, want := string(layer["program"]), "the program"; got != want {
		t.Errorf("program in the image: got %q, want %q", got, want)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func untar(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	archive := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}
