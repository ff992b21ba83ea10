//go:build unix

package main

import (
	"os"
	"syscall"
)

// crash ends the process as kill -9 does: nothing is flushed and nobody is told.
func crash() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it cannot fail for oneself
	select {}
}
