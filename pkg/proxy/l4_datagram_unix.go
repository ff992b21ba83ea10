//go:build unix

package proxy

import (
	"net"
	"os"
	"sync"
	"syscall"
)

var datagrams = sync.Pool{New: func() any { b := make([]byte, maxDatagram); return &b }}

// datagramReader reads a session's datagrams with a buffer that it has only while there is one: sessions are many and mostly wait.
type datagramReader struct {
	raw syscall.RawConn
	err error
}

func newDatagramReader(conn *net.UDPConn) *datagramReader {
	raw, err := conn.SyscallConn()
	return &datagramReader{raw: raw, err: err}
}

// read waits for a datagram and hands it to use, which does not keep it.
func (r *datagramReader) read(use func([]byte)) error {
	if r.err != nil {
		return r.err
	}
	var n int
	var failed error
	var buffer *[]byte
	err := r.raw.Read(func(fd uintptr) bool {
		buffer, _ = datagrams.Get().(*[]byte)
		for {
			n, failed = syscall.Read(int(fd), *buffer)
			if failed != syscall.EINTR {
				break
			}
		}
		if failed == syscall.EAGAIN {
			datagrams.Put(buffer)
			buffer = nil
			return false
		}
		return true
	})
	if buffer != nil {
		defer datagrams.Put(buffer)
	}
	switch {
	case err != nil:
		return err
	case failed != nil:
		return os.NewSyscallError("read", failed)
	}
	use((*buffer)[:n])
	return nil
}
