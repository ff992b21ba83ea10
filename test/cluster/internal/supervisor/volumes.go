package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openVolumes lets pods of every user write to the volumes that appear in the folder. The provisioner of the controller manager makes them
// for root alone, and a hostPath volume knows no fsGroup.
func openVolumes(dir string) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("watching volumes: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_ONLYDIR); err != nil {
		return errors.Join(fmt.Errorf("watching %s: %w", dir, err), unix.Close(fd))
	}
	go func() {
		events := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
		for {
			count, err := unix.Read(fd, events)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "watching volumes:", err)
				return
			}
			for _, name := range created(events[:count]) {
				if err := os.Chmod(filepath.Join(dir, name), 0o777); err != nil && !errors.Is(err, os.ErrNotExist) {
					fmt.Fprintln(os.Stderr, "a volume stays root's:", err)
				}
			}
		}
	}()
	return nil
}

// created are the names in inotify's events.
func created(events []byte) []string {
	var names []string
	for len(events) >= unix.SizeofInotifyEvent {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&events[0])) // the kernel's layout, and it aligns the records
		end := unix.SizeofInotifyEvent + int(event.Len)
		if end > len(events) {
			return names
		}
		if name := strings.TrimRight(string(events[unix.SizeofInotifyEvent:end]), "\x00"); name != "" {
			names = append(names, name)
		}
		events = events[end:]
	}
	return names
}
