package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// nobody is the user that images run as unless a pod says otherwise: a number, since Kubernetes cannot tell whether a name is root.
const nobody = "65532:65532"

// epoch is the time of everything in an image: a build's own time would make every image another one.
var epoch = time.Unix(0, 0).UTC()

// pack writes the image of a program to file, which is replaced whole, and only when the image is another one.
func pack(program, reference, file string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return err
	}
	architecture, err := architectureOf(program)
	if err != nil {
		return err
	}
	img, err := imageOf(program, architecture)
	if err != nil {
		return err
	}
	var content bytes.Buffer
	if err := tarball.Write(tag, img, &content); err != nil {
		return err
	}
	digest, err := img.ConfigName()
	if err != nil {
		return err
	}
	state := "unchanged"
	if old, err := os.ReadFile(file); err != nil || !bytes.Equal(old, content.Bytes()) {
		state = "written"
		if err := replace(file, content.Bytes()); err != nil {
			return err
		}
	}
	fmt.Printf("%s  %s linux/%s, %.1f MB, %s, %s\n", file, tag, architecture, float64(content.Len())/1e6, digest.Hex[:12], state)
	return nil
}

// imageOf returns an image that holds the program and nothing else.
func imageOf(program, architecture string) (v1.Image, error) {
	entrypoint := path.Join("/", filepath.Base(program))
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	files, err := layerOf(entrypoint, content)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, configOf(img, entrypoint, architecture))
}

func configOf(img v1.Image, entrypoint, architecture string) *v1.ConfigFile {
	was, err := img.ConfigFile()
	if err != nil { // of an image in memory: there is nothing to fail
		panic(err)
	}
	config := was.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", architecture, v1.Time{Time: epoch}
	config.Config = v1.Config{User: nobody, Entrypoint: []string{entrypoint}}
	config.History = []v1.History{{Created: v1.Time{Time: epoch}, CreatedBy: "tools/image"}}
	return config
}

// layerOf returns a tar with one program in it that nobody can write.
func layerOf(entrypoint string, content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: entrypoint[1:], Size: int64(len(content)), Mode: 0o555, ModTime: epoch, Format: tar.FormatUSTAR,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// architectureOf reads what a program was built for, and refuses what cannot run on an empty base.
func architectureOf(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", fmt.Errorf("not a program for Linux: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("linked dynamically, and there is nothing to link with in an empty image: build with CGO_ENABLED=0")
		}
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	default:
		return "", fmt.Errorf("built for %s, not for amd64 or arm64", f.Machine)
	}
}

func replace(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".image-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
