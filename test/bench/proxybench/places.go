//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// places says where what runs: the proxies on one CPU, everything else on another.
type places struct {
	pinned      bool
	proxy, load int
	why         string // not pinned
}

// choosePlaces also moves this process to its place.
func choosePlaces() places {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return places{why: fmt.Sprintf("asking for the CPUs: %v", err)}
	}
	var cpus []int
	for cpu := 0; cpu < len(allowed)*64 && len(cpus) < 2; cpu++ {
		if allowed.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) < 2 {
		return places{why: "there is one CPU only"}
	}
	p := places{pinned: true, proxy: cpus[0], load: cpus[1]}
	if err := pinProcess(p.load); err != nil {
		return places{why: fmt.Sprintf("not allowed: %v", err)}
	}
	return p
}

func (p places) String() string {
	if !p.pinned {
		return "nothing is pinned (" + p.why + "), so the CPU time of one disturbs the other"
	}
	return fmt.Sprintf("proxies on CPU %d, load and backend on CPU %d", p.proxy, p.load)
}

// pinProcess moves all threads of this process to cpu. Threads and processes that come later inherit it.
func pinProcess(cpu int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		if err := pinThread(id, cpu); err != nil {
			return err
		}
	}
	return nil
}

// pinThread moves a thread, 0 for the one that calls.
func pinThread(id, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(id, &set)
}
