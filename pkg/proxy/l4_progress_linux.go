package proxy

import "golang.org/x/sys/unix"

// canSplice says that the kernel moves bytes between two sockets by itself.
const canSplice = true

// moved is how many bytes the peer sent and took, by the kernel's account. It stands still on a connection that is closed.
func (c *rawConn) moved() uint64 {
	var bytes uint64
	// An error means that the connection is closed, and then nothing moves.
	_ = c.raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			bytes = info.Bytes_received + info.Bytes_acked
		}
	})
	return bytes
}
