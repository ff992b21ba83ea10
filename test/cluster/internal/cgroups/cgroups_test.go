package cgroups

import "testing"

func TestParseMount(t *testing.T) {
	for _, test := range []struct {
		line   string
		want   Hierarchy
		device string
		ok     bool
	}{
		{"31 28 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory", Hierarchy{Dir: "/sys/fs/cgroup/memory"}, "0:27", true},
		{"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate", Hierarchy{Dir: "/sys/fs/cgroup", Unified: true}, "0:26", true},
		{"30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755", Hierarchy{}, "", false},
		{"30 23 0:26 / /elsewhere/cgroup rw - cgroup2 cgroup2 rw", Hierarchy{}, "", false},
		{"30 23", Hierarchy{}, "", false},
		{"", Hierarchy{}, "", false},
	} {
		got, device, ok := parseMount(test.line)
		if got != test.want || device != test.device || ok != test.ok {
			t.Errorf("%q: got %v %q %v, want %v %q %v", test.line, got, device, ok, test.want, test.device, test.ok)
		}
	}
}
