package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// place is where the cluster runs. What differs between places is here, and nothing else.
type place interface {
	fmt.Stringer
	// prepare installs or names what the machine lacks.
	prepare(ctx context.Context, t *task) error
	// build are the make targets of the programs that the place needs.
	build() []string
	// up brings the cluster up, or finds it up.
	up(ctx context.Context, t *task) error
	// load gives an image to the cluster's nodes.
	load(ctx context.Context, t *task, tar string) error
	// outside returns a command that runs on the cluster's network but not in it, with KUBECONFIG, and kubectl in PATH.
	outside(ctx context.Context, program string, args ...string) *exec.Cmd
	// down takes the cluster away.
	down(ctx context.Context, t *task) error
	// knows tells whether the place was used before, so that most comes from the cache.
	knows(w workshop) bool
	// goOn says what a user can do with the cluster, a command on a line.
	goOn() string
}

// choosePlace decides where the cluster runs, and remembers it for down.
func choosePlace(ctx context.Context, w workshop, where string) (place, error) {
	var p place
	switch where {
	case "own":
		p = ownPlace{w}
	case "kind":
		p = kindPlace{w}
	case "auto":
		p = ownPlace{w}
		if kindWorks(ctx) {
			p = kindPlace{w}
		}
	default:
		return nil, fmt.Errorf("no place %q: kind, own or auto", where)
	}
	if _, own := p.(ownPlace); own && (runtime.GOOS != "linux" || os.Getuid() != 0) {
		return nil, errors.New("needs root on Linux (namespaces, mounts and addresses are root's), or Docker that runs and kind: sudo env \"PATH=$PATH\" make demo-cluster")
	}
	return p, os.WriteFile(placeFile(w, p), nil, 0o644)
}

func placeFile(w workshop, p place) string {
	if _, kind := p.(kindPlace); kind {
		return filepath.Join(w.dir, "on-kind")
	}
	return filepath.Join(w.dir, "on-own")
}

// usedPlaces are those that an up chose since the last down.
func usedPlaces(w workshop) []place {
	var used []place
	for _, p := range []place{ownPlace{w}, kindPlace{w}} {
		if _, err := os.Stat(placeFile(w, p)); err == nil {
			used = append(used, p)
		}
	}
	return used
}

// removeTraces removes what the demo keeps of a cluster. The times of the first run stay: they are of the caches, which stay too.
func removeTraces(w workshop) error {
	for _, p := range usedPlaces(w) {
		if err := os.Remove(placeFile(w, p)); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range []string{"certificates", "examples", "loaded.json", "kubeconfig"} {
		errs = append(errs, os.RemoveAll(filepath.Join(w.dir, name)))
	}
	return errors.Join(errs...)
}
