//go:build linux && (amd64 || arm64)

package proxy

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// rawRead is the state of a read: the function that the runtime's poller calls is made once, not for each read. The system calls are
// raw ones: a socket that does not block returns at once, so telling the scheduler about the call would cost more than the call may take.
type rawRead struct {
	p     []byte
	n     int
	errno syscall.Errno
	fn    func(fd uintptr) bool

	first  *buffer // of readFirst, once there is something to read
	lend   func(fd uintptr) bool
	look   func(fd uintptr) bool
	silent bool // what look found

	asking []byte // of ask: what is not sent yet
	answer func(fd uintptr) bool
}

func (r *rawRead) prepare() {
	r.look = func(fd uintptr) bool {
		var b [1]byte
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		r.silent = errno == syscall.EAGAIN
		return true
	}
	r.lend = func(fd uintptr) bool {
		r.first = getBuffer()
		r.p = r.first[:]
		if r.fn(fd) {
			return true
		}
		buffers.Put(r.first)
		r.first = nil
		return false
	}
	r.fn = func(fd uintptr) bool {
		for {
			n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&r.p[0])), uintptr(len(r.p)), 0, 0, 0)
			switch errno {
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				return false
			}
			r.n, r.errno = int(n), errno
			return true
		}
	}
}

// Read reads what is there, and waits when nothing is.
func (c *rawConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r := &c.in
	r.p = p
	err := c.raw.Read(r.fn)
	r.p = nil
	switch {
	case err != nil:
		return 0, err
	case r.errno != 0:
		return 0, os.NewSyscallError("recv", r.errno)
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// readFirst waits until there is something to read and reads it to a buffer that it takes only then.
func (c *rawConn) readFirst() (*buffer, int, error) {
	r := &c.in
	err := c.raw.Read(r.lend)
	b := r.first
	r.first, r.p = nil, nil
	switch {
	case err == nil && r.errno == 0 && r.n > 0:
		return b, r.n, nil
	case err == nil && r.errno == 0:
		err = io.EOF
	case err == nil:
		err = os.NewSyscallError("recv", r.errno)
	}
	if b != nil {
		buffers.Put(b)
	}
	return nil, 0, err
}

// prepareAnswer makes what only connections to endpoints need.
func (r *rawRead) prepareAnswer() {
	r.answer = func(fd uintptr) bool {
		if len(r.asking) == 0 {
			return r.fn(fd)
		}
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&r.asking[0])), uintptr(len(r.asking)), syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			r.asking = r.asking[n:]
		}
		return len(r.asking) > 0
	}
}

// ask writes p and waits for what comes back, which it reads into in. A Write and a Read would do the same; ask saves the look at the socket
// that finds nothing, because the poller begins to watch for the answer before p is sent. It returns how much of p was written: when that
// is not all, nothing was read, and a Write of the rest goes on or says what is wrong. An error in reading comes again with the next Read.
//
// What arrived before, unread, does not end the wait: use it only where nothing can have.
func (c *rawConn) ask(p, in []byte) (written, n int) {
	r := &c.in
	if r.answer == nil {
		r.prepareAnswer()
	}
	r.asking, r.p, r.n, r.errno = p, in, 0, 0
	err := c.raw.Read(r.answer)
	written = len(p) - len(r.asking)
	r.asking, r.p = nil, nil
	if err != nil || r.errno != 0 {
		return written, 0
	}
	return written, r.n
}

// quiet looks, without waiting, whether a connection that nobody reads is still open with nothing to read. It must not be called while Read
// may be.
func (c *rawConn) quiet() bool {
	if err := c.raw.Read(c.in.look); err != nil {
		return false
	}
	return c.in.silent
}

// rawWrite is the state of a write.
type rawWrite struct {
	p     []byte // what is left
	errno syscall.Errno
	fn    func(fd uintptr) bool
}

func (w *rawWrite) prepare() {
	w.fn = func(fd uintptr) bool {
		for len(w.p) > 0 {
			n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&w.p[0])), uintptr(len(w.p)), syscall.MSG_NOSIGNAL, 0, 0)
			switch errno {
			case 0:
				w.p = w.p[n:]
			case syscall.EINTR:
			case syscall.EAGAIN:
				return false
			default:
				w.errno = errno
				return true
			}
		}
		return true
	}
}

// Write writes all of p.
func (c *rawConn) Write(p []byte) (int, error) {
	w := &c.out
	w.p, w.errno = p, 0
	err := c.raw.Write(w.fn)
	n := len(p) - len(w.p)
	w.p = nil
	switch {
	case err != nil:
		return n, err
	case w.errno != 0:
		return n, os.NewSyscallError("send", w.errno)
	}
	return n, nil
}
