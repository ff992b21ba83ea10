package parts

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Requirement is a program or library of the machine that a cluster cannot do without, and the Debian package that has it.
type Requirement struct{ What, Package string }

// Requirements returns what the machine lacks. Nodes need more than a control plane, and building runc needs a C compiler and libseccomp.
func Requirements(nodes, buildC bool) []Requirement {
	var lacks []Requirement
	program := func(name, pkg string) {
		if Find(name) == "" {
			lacks = append(lacks, Requirement{What: name, Package: pkg})
		}
	}
	if nodes {
		program("nft", "nftables")
		program("mount", "mount")
	}
	if buildC {
		program("gcc", "gcc")
		program("pkg-config", "pkg-config")
		if !header("stdlib.h") {
			lacks = append(lacks, Requirement{What: "the C library's headers", Package: "libc6-dev"})
		}
		if !header("seccomp.h") {
			lacks = append(lacks, Requirement{What: "seccomp.h", Package: "libseccomp-dev"})
		}
	}
	return lacks
}

// AptLine is the command that installs what is lacking.
func AptLine(lacks []Requirement) string {
	return "apt-get install -y --no-install-recommends " + strings.Join(packages(lacks), " ")
}

// Install installs what is lacking with apt-get.
func Install(lacks []Requirement, log io.Writer) error {
	if Find("apt-get") == "" {
		return fmt.Errorf("apt-get not found: install %s with this machine's own package manager", strings.Join(packages(lacks), ", "))
	}
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages(lacks)...),
	} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", strings.Join(args, " "), err)
		}
	}
	return nil
}

// sbin is where programs of the administrator are, which the path of other users may lack.
var sbin = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// Find returns the path of a program of the machine, or "" when it is not installed.
func Find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path
		}
	}
	return ""
}

func packages(lacks []Requirement) []string {
	var names []string
	for _, lack := range lacks {
		if !slices.Contains(names, lack.Package) {
			names = append(names, lack.Package)
		}
	}
	return names
}

func header(name string) bool {
	for _, dir := range []string{"/usr/include", "/usr/local/include"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
