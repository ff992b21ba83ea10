package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/state"
)

// measure fills in the memory of the parts that run. Their ids are those of the cluster's pid namespace, so every process of the host is
// asked which namespace it is in.
func measure(cluster *state.Cluster) error {
	if !cluster.First.Alive() {
		return nil
	}
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", cluster.First.PID))
	if err != nil {
		return err
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	memory := map[int]int64{}
	for _, dir := range dirs {
		// A process may end at any time, and those of others may not be looked at: they are not the cluster's.
		if own, err := os.Readlink(filepath.Join(dir, "ns", "pid")); err != nil || own != space {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue
		}
		pid, resident := parseStatus(string(data))
		memory[pid] = resident
	}
	for i := range cluster.Parts {
		if cluster.Parts[i].Exited == "" {
			cluster.Parts[i].Memory = memory[cluster.Parts[i].PID]
		}
	}
	return nil
}

// parseStatus returns a process's id in its innermost namespace, and its resident memory in bytes.
func parseStatus(status string) (pid int, resident int64) {
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		switch key {
		case "NSpid":
			pid, _ = strconv.Atoi(fields[len(fields)-1])
		case "VmRSS":
			kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
			resident = kilobytes << 10
		}
	}
	return pid, resident
}
