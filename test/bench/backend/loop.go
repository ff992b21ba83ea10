//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kind is what a socket is for.
type kind uint8

const (
	web kind = iota + 1
	echo
)

func (k kind) String() string {
	switch k {
	case web:
		return "web"
	case echo:
		return "echo"
	}
	return "unknown"
}

// loop serves all connections from one thread with epoll, level-triggered.
type loop struct {
	epoll  int
	conns  []conn // by file descriptor
	buffer []byte // what was just read
}

type conn struct {
	kind   kind
	listen bool   // a listener, not a connection
	in     []byte // the beginning of a request, when it came in pieces
	out    []byte // what the socket would not take yet
}

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &loop{epoll: epoll, buffer: make([]byte, 64<<10)}, nil
}

func (l *loop) listen(k kind) (netip.AddrPort, error) {
	var none netip.AddrPort
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return none, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return none, err
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return none, err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return none, err
	}
	v4, ok := bound.(*unix.SockaddrInet4)
	if !ok {
		return none, errors.New("not an IPv4 address")
	}
	return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), l.add(fd, conn{kind: k, listen: true})
}

func (l *loop) add(fd int, c conn) error {
	for len(l.conns) <= fd {
		l.conns = append(l.conns, conn{})
	}
	l.conns[fd] = c
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd), Events: unix.EPOLLIN})
}

func (l *loop) run() error {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for i := range max(n, 0) {
			l.serve(int(events[i].Fd), events[i].Events)
		}
	}
}

func (l *loop) serve(fd int, events uint32) {
	c := &l.conns[fd]
	if c.listen {
		l.accept(fd, c.kind)
		return
	}
	if events&unix.EPOLLOUT != 0 {
		l.flush(fd, c)
		return
	}
	n := read(fd, l.buffer)
	switch {
	case n == -int(unix.EAGAIN):
		return
	case n <= 0:
		l.close(fd)
		return
	}
	got := l.buffer[:n]
	switch c.kind {
	case web:
		l.answer(fd, c, got)
	case echo:
		l.send(fd, c, got)
	}
}

func (l *loop) accept(fd int, k kind) {
	for {
		client, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // EAGAIN, or a client that has gone
		}
		_ = unix.SetsockoptInt(client, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := l.add(client, conn{kind: k}); err != nil {
			l.close(client)
		}
	}
}

func (l *loop) close(fd int) {
	l.conns[fd] = conn{}
	_ = unix.Close(fd)
}

var (
	endOfHead = []byte("\r\n\r\n")
	getLarge  = []byte("GET /64k")
	small     = response(1 << 10)
	large     = response(64 << 10)
)

func response(size int) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n"+
		"Cache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
}

// answer sends a response for each whole request in got.
func (l *loop) answer(fd int, c *conn, got []byte) {
	if len(c.in) > 0 {
		c.in = append(c.in, got...)
		got = c.in
	}
	for {
		end := bytes.Index(got, endOfHead)
		if end < 0 {
			break
		}
		if bytes.HasPrefix(got, getLarge) {
			l.send(fd, c, large)
		} else {
			l.send(fd, c, small)
		}
		got = got[end+len(endOfHead):]
	}
	switch {
	case len(got) > 64<<10:
		l.close(fd)
	case len(got) > 0 || len(c.in) > 0:
		c.in = append(c.in[:0], got...)
	}
}

// send writes data, or keeps what the socket does not take for later.
func (l *loop) send(fd int, c *conn, data []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, data...)
		return
	}
	if n := write(fd, data); n >= 0 {
		data = data[n:]
	}
	// A socket that failed says so again when it is read from.
	if len(data) > 0 {
		c.out = append(c.out[:0], data...)
		l.wait(fd, unix.EPOLLOUT)
	}
}

func (l *loop) flush(fd int, c *conn) {
	n := write(fd, c.out)
	switch {
	case n == -int(unix.EAGAIN):
	case n < 0:
		l.close(fd)
	case n == len(c.out):
		c.out = c.out[:0]
		l.wait(fd, unix.EPOLLIN)
	default:
		c.out = append(c.out[:0], c.out[n:]...)
	}
}

func (l *loop) wait(fd int, events uint32) {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Fd: int32(fd), Events: events}); err != nil {
		l.close(fd)
	}
}

// read and write are without the scheduler's bookkeeping, which sockets that never block do not need. They return a negative errno.
func read(fd int, p []byte) int  { return rawIO(unix.SYS_READ, fd, p) }
func write(fd int, p []byte) int { return rawIO(unix.SYS_WRITE, fd, p) }

func rawIO(trap uintptr, fd int, p []byte) int {
	n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return -int(errno)
	}
	return int(n)
}
