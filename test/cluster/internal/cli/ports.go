package cli

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// freePorts picks three ports of the loopback interface that nobody listens on. They are below the range that the kernel gives out by
// itself, so that no client's connection takes one between now and the start of the server.
func freePorts() (api, etcd, peer int, err error) {
	const from, to = 20000, 32000
	var ports []int
	var listeners []net.Listener
	defer func() {
		for _, listener := range listeners {
			err = errors.Join(err, listener.Close())
		}
	}()
	for range 1000 {
		port := from + rand.IntN(to-from)
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue // taken: try another
		}
		listeners = append(listeners, listener)
		if ports = append(ports, port); len(ports) == 3 {
			return ports[0], ports[1], ports[2], nil
		}
	}
	return 0, 0, 0, errors.New("no three free ports on the loopback interface")
}
