// Package image writes container images from single static binaries: a docker-archive with one layer, which containerd and Docker both
// load. Equal inputs give equal files.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"time"
)

// Image is an image with one program.
type Image struct {
	Name    string // with tag
	Program string // the file on this machine
	Path    string // where it is in the image
	User    string
}

// Write writes the image to a tar file.
func (i Image) Write(to string) error {
	program, err := os.ReadFile(i.Program)
	if err != nil {
		return err
	}
	layer, err := i.layer(program)
	if err != nil {
		return err
	}
	diff := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": time.Unix(0, 0).UTC(),
		"config":  map[string]any{"Entrypoint": []string{i.Path}, "User": i.User, "WorkingDir": "/"},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(diff[:])}},
		"history": []map[string]any{{"created": time.Unix(0, 0).UTC(), "created_by": "test/cluster"}},
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(config)
	configName := hex.EncodeToString(sum[:]) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{i.Name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(path.Dir(to), ".image-*")
	if err != nil {
		return err
	}
	archive := tar.NewWriter(file)
	for _, entry := range []struct {
		name string
		data []byte
	}{{"layer.tar", layer}, {configName, config}, {"manifest.json", manifest}} {
		err = errors.Join(err, add(archive, &tar.Header{Name: entry.name, Mode: 0o644, Size: int64(len(entry.data))}, entry.data))
	}
	err = errors.Join(err, archive.Close(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("image %s: %w", i.Name, err), os.Remove(file.Name()))
	}
	return nil
}

func (i Image) layer(program []byte) ([]byte, error) {
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	name := i.Path[1:]
	err := errors.Join(
		add(archive, &tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil),
		add(archive, &tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}, program),
		archive.Close(),
	)
	return layer.Bytes(), err
}

func add(archive *tar.Writer, header *tar.Header, data []byte) error {
	if header.Typeflag == 0 {
		header.Typeflag = tar.TypeReg
	}
	header.Format = tar.FormatUSTAR
	header.ModTime = time.Unix(0, 0)
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, bytes.NewReader(data))
	return err
}
