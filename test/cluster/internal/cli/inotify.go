package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kubernetes watches its files by inotify, of which every user of the machine has a number of instances: many clusters use them up, and
// then a part dies at a place that does not say why. Measured: a first node with the control plane takes 20, a further node 8; pods more.
const (
	inotifyLimit  = "/proc/sys/fs/inotify/max_user_instances"
	inotifyFirst  = 20
	inotifyNode   = 8
	inotifyPods   = 8
	inotifyRaised = 1024
)

// requireInotify checks that there are enough instances for one more cluster, and raises the limit only when it is told to.
func requireInotify(nodes int, raise bool, print *printer) error {
	data, err := os.ReadFile(inotifyLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return fmt.Errorf("%s: %w", inotifyLimit, err)
	}
	used, err := inotifyInstances()
	if err != nil {
		return err
	}
	need := inotifyFirst + (nodes-1)*inotifyNode + inotifyPods
	if used+need <= limit {
		return nil
	}
	if !raise {
		return fmt.Errorf("%d of %d inotify instances are in use, and this cluster takes about %d: end another cluster, or: sysctl fs.inotify.max_user_instances=%d (or: cluster up --install)",
			used, limit, need, inotifyRaised)
	}
	if err := os.WriteFile(inotifyLimit, []byte(strconv.Itoa(max(inotifyRaised, used+need))), 0o644); err != nil {
		return err
	}
	print.say("  raised fs.inotify.max_user_instances from %d to %d until the machine starts anew", limit, max(inotifyRaised, used+need))
	return nil
}

// inotifyInstances counts those that processes of this process's user have open. Any of them may end while it is looked at.
func inotifyInstances() (int, error) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	count := 0
	for _, process := range processes {
		var owner unix.Stat_t
		if err := unix.Stat(process, &owner); err != nil || int(owner.Uid) != os.Geteuid() {
			continue
		}
		links, err := filepath.Glob(process + "/fd/*")
		if err != nil {
			return 0, err
		}
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && target == "anon_inode:inotify" {
				count++
			}
		}
	}
	return count, nil
}
