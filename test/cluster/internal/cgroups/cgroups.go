// Package cgroups gives a cluster a cgroup of its own in every hierarchy of the machine, be that version 1, version 2, or both, and takes
// it away again with all that Kubernetes has made in it.
package cgroups

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Hierarchy is one mounted hierarchy.
type Hierarchy struct {
	Dir     string
	Unified bool // version 2
}

// Hierarchies returns the mounted hierarchies.
func Hierarchies() ([]Hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var found []Hierarchy
	seen := map[string]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		hierarchy, device, ok := parseMount(lines.Text())
		if ok && !seen[device] {
			seen[device] = true
			found = append(found, hierarchy)
		}
	}
	return found, lines.Err()
}

// parseMount reads one line of mountinfo: id, parent, device, root, mount point, options, ..., "-", type, source, super options.
func parseMount(line string) (hierarchy Hierarchy, device string, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !found || len(left) < 5 || len(right) < 1 || !strings.HasPrefix(left[4], "/sys/fs/cgroup") {
		return Hierarchy{}, "", false
	}
	if right[0] != "cgroup" && right[0] != "cgroup2" {
		return Hierarchy{}, "", false
	}
	return Hierarchy{Dir: left[4], Unified: right[0] == "cgroup2"}, left[2], true
}

// Create makes the cgroups name/child for every child, with the controllers switched on, in every hierarchy.
func Create(name string, children ...string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	if len(hierarchies) == 0 {
		return errors.New("no cgroup hierarchy is mounted below /sys/fs/cgroup")
	}
	for _, hierarchy := range hierarchies {
		if err := hierarchy.create(name, children); err != nil {
			return err
		}
	}
	return nil
}

func (h Hierarchy) create(name string, children []string) error {
	if h.Unified {
		if err := h.prepareRoot(); err != nil {
			return err
		}
	}
	dirs := []string{filepath.Join(h.Dir, name)}
	for _, child := range children {
		dirs = append(dirs, filepath.Join(h.Dir, name, child))
	}
	for i, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if !h.Unified {
			if err := inheritCpuset(dir); err != nil {
				return err
			}
		} else if i == 0 {
			if err := enable(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepareRoot switches the controllers on for the root's children. In a container, the root of what is seen is no real root and must have
// no process of its own before that is allowed.
func (h Hierarchy) prepareRoot() error {
	err := enable(h.Dir)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := filepath.Join(h.Dir, "init")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	procs, err := os.ReadFile(filepath.Join(h.Dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for pid := range strings.FieldsSeq(string(procs)) {
		// One that has ended meanwhile, or that belongs to the kernel, cannot be moved and needs not to be.
		if err := control(filepath.Join(leaf, "cgroup.procs"), pid); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return enable(h.Dir)
}

// enable switches on for a version 2 cgroup's children what the cgroup itself has.
func enable(dir string) error {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for controller := range strings.FieldsSeq(string(available)) {
		if err := control(filepath.Join(dir, "cgroup.subtree_control"), "+"+controller); err != nil {
			return err
		}
	}
	return nil
}

// inheritCpuset copies what version 1's cpuset leaves empty, and without which no process may be put there.
func inheritCpuset(dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(own)) != "" {
			continue
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			return err
		}
		if err := control(filepath.Join(dir, name), string(parent)); err != nil {
			return err
		}
	}
	return nil
}

// Join moves the calling process into the cgroup in every hierarchy. Its children follow it.
func Join(name string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if err := control(filepath.Join(hierarchy.Dir, name, "cgroup.procs"), "0"); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the cgroup and all below it, from every hierarchy. The processes in it are on their way out; it waits for them.
func Remove(ctx context.Context, name string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		for dir := filepath.Join(hierarchy.Dir, name); ; {
			err := removeTree(dir)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("cgroup %s: %w", dir, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// removeTree removes the folders, deepest first. The files in them go by themselves.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if entry.IsDir() {
			errs = append(errs, removeTree(filepath.Join(dir, entry.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// Leftover returns the cgroups with this name that exist.
func Leftover(name string) ([]string, error) {
	hierarchies, err := Hierarchies()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, hierarchy := range hierarchies {
		if _, err := os.Stat(filepath.Join(hierarchy.Dir, name)); err == nil {
			found = append(found, filepath.Join(hierarchy.Dir, name))
		}
	}
	return found, nil
}

// control writes to a file of the kernel in one piece.
func control(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strings.TrimSpace(value))
	if err != nil {
		err = fmt.Errorf("%s to %s: %w", strconv.Quote(strings.TrimSpace(value)), path, err)
	}
	return errors.Join(err, file.Close())
}
