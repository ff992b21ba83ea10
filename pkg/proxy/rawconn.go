package proxy

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// rawConn is a TCP connection as everything here reads and writes it: the narrow seam under HTTP/1, TLS and tunnels. Its deadlines are coarse
// and kept by the sweeper. It is a net.Conn, so crypto/tls can stand on it. One goroutine may read while another writes.
type rawConn struct {
	deadlines
	tcp    *net.TCPConn
	raw    syscall.RawConn
	in     rawRead
	out    rawWrite
	closed atomic.Bool
	gone   func() // called by the first Close; nil for nothing

	remote, local netip.AddrPort
}

// newRawConn takes over tcp. Close it.
func newRawConn(tcp *net.TCPConn) (*rawConn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &rawConn{tcp: tcp, raw: raw, remote: addrPort(tcp.RemoteAddr()), local: addrPort(tcp.LocalAddr())}
	c.expire = c
	c.in.prepare()
	c.out.prepare()
	theSweeper.watch(&c.deadlines)
	return c, nil
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// readWithin lets reads fail with os.ErrDeadlineExceeded when d is over; negative for never. Once one failed so, all do.
func (c *rawConn) readWithin(d time.Duration) { c.read.Store(after(d)) }

// writeWithin does the same for writes.
func (c *rawConn) writeWithin(d time.Duration) { c.write.Store(after(d)) }

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

func (c *rawConn) expired(read, write bool) {
	// An error means that the connection is closed already.
	if read {
		_ = c.tcp.SetReadDeadline(aLongTimeAgo)
	}
	if write {
		_ = c.tcp.SetWriteDeadline(aLongTimeAgo)
	}
}

// interrupt makes reads and writes fail from now on. Any goroutine may call it.
func (c *rawConn) interrupt() { c.expired(true, true) }

// Close closes the connection. Only the first call does.
func (c *rawConn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	theSweeper.forget(&c.deadlines)
	err := c.tcp.Close()
	if c.gone != nil {
		c.gone()
	}
	return err
}

// reset closes the connection so that the peer sees that it was cut off.
func (c *rawConn) reset() {
	if !c.closed.Load() {
		_ = c.tcp.SetLinger(0) // Fails on a connection that is closed, which is what is wanted.
	}
	_ = c.Close()
}

// CloseWrite tells the peer that nothing more comes.
func (c *rawConn) CloseWrite() error { return c.tcp.CloseWrite() }

// LocalAddr, RemoteAddr and the setters of deadlines make a rawConn a net.Conn. Those deadlines are exact, apart from the coarse ones.

func (c *rawConn) LocalAddr() net.Addr                { return c.tcp.LocalAddr() }
func (c *rawConn) RemoteAddr() net.Addr               { return c.tcp.RemoteAddr() }
func (c *rawConn) SetDeadline(t time.Time) error      { return c.tcp.SetDeadline(t) }
func (c *rawConn) SetReadDeadline(t time.Time) error  { return c.tcp.SetReadDeadline(t) }
func (c *rawConn) SetWriteDeadline(t time.Time) error { return c.tcp.SetWriteDeadline(t) }
