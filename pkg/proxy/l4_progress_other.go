//go:build !linux

package proxy

// canSplice says that the kernel moves bytes between two sockets by itself.
const canSplice = false

func (c *rawConn) moved() uint64 { return 0 }
