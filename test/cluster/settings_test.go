package cluster_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machineSettings are all settings of the machine that somebody could change, by their files. Those of the network are not among them: a
// cluster has its own, and the machine's cannot be reached from there.
func machineSettings(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	err := filepath.WalkDir("/proc/sys", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == "/proc/sys/net", path == "/proc/sys/fs/binfmt_misc":
			return fs.SkipDir
		case entry.IsDir(), entry.Name() == "ns_last_pid":
			return nil
		}
		info, err := entry.Info()
		if err != nil || info.Mode()&0o600 != 0o600 {
			return nil
		}
		if value, err := os.ReadFile(path); err == nil { // some cannot be read in this kernel's configuration
			settings[path] = string(value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// testSettings looks for settings of the machine that bringing the cluster up has changed, and tries to change one from a node.
func testSettings(t *testing.T, c cluster, before map[string]string) {
	now := machineSettings(t)
	for path, value := range before {
		want(t, path+" of the machine", now[path], value)
	}
	const overcommit = "/proc/sys/vm/overcommit_memory"
	want(t, overcommit+" as the kubelet has set it", strings.TrimSpace(c.must("exec", "--node", "1", "--", "cat", overcommit)), "1")
	want(t, overcommit+" on the LAN", c.exec("cat", overcommit), strings.TrimSpace(before[overcommit]))
	for setting, writable := range map[string]bool{
		"kernel/panic_on_warn": false, "vm/swappiness": false, "fs/inotify/max_user_instances": false, "net/ipv4/ip_forward": true,
	} {
		// The same value again: a test that fails changes nothing either.
		_, errs, status := c.run("exec", "--node", "1", "--", "sh", "-c", `value=$(cat "$0") && echo "$value" > "$0"`, "/proc/sys/"+setting)
		if writable != (status == 0) {
			t.Errorf("writing to %s on a node: got status %d, %s, want writable %v", setting, status, strings.TrimSpace(errs), writable)
		}
	}
}
