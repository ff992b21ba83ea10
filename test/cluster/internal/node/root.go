// Package node turns a fresh mount and network namespace into a node: a file system of its own around the host's programs, the settings
// of its network, and the configuration of what runs on it. It starts nothing.
package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
)

// Node is what has to be known to make one.
type Node struct {
	Name   string
	Number int // from 1
	Tree   layout.Tree
	At     layout.Cluster
	Bin    string
	Pause  string // the image that holds a pod's namespaces
}

// own are the folders that a node has to itself. All others it shares with the host.
var own = []string{"etc", "var", "run", "tmp", "opt", "proc", "sys", "mnt", "media", "srv"}

// etc is what a node takes over of the host's /etc.
var etc = []string{
	"alternatives", "ca-certificates", "ethertypes", "gai.conf", "group", "host.conf", "iproute2", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
	"localtime", "netconfig", "nsswitch.conf", "os-release", "passwd", "pki", "profile", "protocols", "rpc", "services", "ssl", "timezone",
}

// Enter makes the calling process's own namespaces the node's: hostname, file system, network settings, configuration files.
func (n Node) Enter() error {
	if err := unix.Sethostname([]byte(n.Name)); err != nil {
		return fmt.Errorf("hostname: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	dir := n.At.Node(n.Name)
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, make := range []func(root string) error{shareHost, n.makeOwn, n.makeEtc, makeKernel, n.shareTree} {
		if err := make(root); err != nil {
			return err
		}
	}
	if err := pivot(root); err != nil {
		return err
	}
	if err := network.Forward(); err != nil {
		return err
	}
	return n.configure()
}

// shareHost binds the host's folders, and repeats its links such as /bin -> usr/bin.
func shareHost(root string) error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		from, to := filepath.Join("/", entry.Name()), filepath.Join(root, entry.Name())
		switch {
		case slices.Contains(own, entry.Name()):
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(from)
			if err != nil {
				return err
			}
			if err := os.Symlink(target, to); err != nil {
				return err
			}
		case entry.IsDir():
			if err := bind(from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeOwn makes the node's own folders: what it writes lies in its folder of the tree, except what is in /run.
func (n Node) makeOwn(root string) error {
	dir := n.At.Node(n.Name)
	for _, folder := range []struct {
		path string
		mode os.FileMode
	}{
		{"var", 0o755}, {"var/lib", 0o755}, {"var/log/pods", 0o755}, {"var/log/containers", 0o755}, {"var/tmp", 0o1777}, {"tmp", 0o1777},
		{"var/lib/kubelet", 0o700}, {"var/lib/containerd", 0o700}, {"tmp/hostpath_pv", 0o777},
	} {
		if err := makeDir(filepath.Join(dir, folder.path), folder.mode); err != nil {
			return err
		}
	}
	for _, name := range []string{"opt", "mnt", "media", "srv", "run", "etc", "proc", "sys", "run/lock"} {
		if err := makeDir(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"run": "/run", "lock": "/run/lock"} {
		if err := os.Symlink(target, filepath.Join(dir, "var", name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := bind(filepath.Join(dir, "var"), filepath.Join(root, "var")); err != nil {
		return err
	}
	if err := bind(filepath.Join(dir, "tmp"), filepath.Join(root, "tmp")); err != nil {
		return err
	}
	// The provisioner of the default StorageClass writes here. All nodes see the same, so a volume is where its pod is.
	if err := makeDir(n.At.Volumes(), 0o777); err != nil {
		return err
	}
	return bind(n.At.Volumes(), filepath.Join(root, "tmp", "hostpath_pv"))
}

func (n Node) makeEtc(root string) error {
	to := filepath.Join(root, "etc")
	for _, name := range etc {
		if err := copyTree(filepath.Join("/etc", name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return write(map[string]string{
		// What a node of a real network would ask. Nothing answers there unless somebody starts it on the LAN.
		filepath.Join(to, "resolv.conf"): "nameserver " + network.LANAddress + "\n",
		filepath.Join(to, "hostname"):    n.Name + "\n",
		filepath.Join(to, "hosts"):       fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", network.NodeAddress(n.Number), n.Name),
	})
}

// machineSettings are those that the kubelet insists on changing although they are the whole machine's. In a node, files stand in for them:
// what is written there changes nothing.
var machineSettings = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// makeKernel mounts the kernel's file systems.
func makeKernel(root string) error {
	proc, sys := filepath.Join(root, "proc"), filepath.Join(root, "sys")
	if err := mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err := protectSettings(filepath.Join(proc, "sys")); err != nil {
		return err
	}
	for _, name := range machineSettings {
		if err := standIn(filepath.Join(proc, "sys", name), filepath.Join(root, "run", "settings", name)); err != nil {
			return err
		}
	}
	if err := mount("sysfs", sys, "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	return mount("/sys/fs/cgroup", filepath.Join(sys, "fs", "cgroup"), "", unix.MS_BIND|unix.MS_REC, "")
}

// protectSettings lets nobody write to /proc/sys, except to the network's settings: those are the node's own.
func protectSettings(settings string) error {
	network := filepath.Join(settings, "net")
	if err := mount(network, network, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	// With all that is mounted below, and what follows is for the outer mount alone.
	if err := mount(settings, settings, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return mount("", settings, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// standIn puts a file in the place of a setting. It begins with the setting's value.
func standIn(setting, file string) error {
	value, err := os.ReadFile(setting)
	if err != nil {
		return err
	}
	if err := write(map[string]string{file: string(value)}); err != nil {
		return err
	}
	return mount(file, setting, "", unix.MS_BIND, "")
}

// shareTree binds the checkout when it lies in a folder that the node has to itself.
func (n Node) shareTree(root string) error {
	first, _, _ := strings.Cut(strings.TrimPrefix(n.Tree.Root, "/"), "/")
	if !slices.Contains(own, first) {
		return nil
	}
	return bind(n.Tree.Root, filepath.Join(root, n.Tree.Root))
}

// pivot makes root the root, and lets the old one go.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root to %s: %w", root, err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting the old root go: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	// Volumes that a pod mounts with propagation have to be seen by the kubelet, and the other way round.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making mounts shared: %w", err)
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", source, target, err)
	}
	return nil
}

func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
}

// makeDir makes a folder with exactly this mode.
func makeDir(path string, mode os.FileMode) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return unix.Chmod(path, uint32(mode))
}

func write(files map[string]string) error {
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies a file, a link, or a folder. What is not there is left out.
func copyTree(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case info.IsDir():
		entries, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		if err := os.Mkdir(to, info.Mode().Perm()); err != nil {
			return err
		}
		for _, entry := range entries {
			if err := copyTree(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
				return err
			}
		}
		return nil
	case info.Mode().IsRegular():
		return copyFile(from, to, info.Mode().Perm())
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
