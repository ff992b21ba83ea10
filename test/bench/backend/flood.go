//go:build linux

package main

import (
	"net"
)

func listenFlood() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// serveFlood sends zeros to everyone who connects until they go away.
func serveFlood(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			zeros := make([]byte, 256<<10)
			for {
				if _, err := conn.Write(zeros); err != nil {
					return
				}
			}
		}()
	}
}
