//go:build !unix

package main

import "os"

// crash ends the process at once: nothing is flushed and nobody is told.
func crash() { os.Exit(137) }
