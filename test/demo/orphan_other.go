//go:build !linux

package main

import "syscall"

// endWithUs changes nothing: only Linux ends a child with its parent.
func endWithUs() *syscall.SysProcAttr { return nil }
