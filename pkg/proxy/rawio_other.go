//go:build !(linux && (amd64 || arm64))

package proxy

// Elsewhere the standard library's way is taken.

type rawRead struct{}

func (*rawRead) prepare() {}

type rawWrite struct{}

func (*rawWrite) prepare() {}

// Read reads what is there, and waits when nothing is.
func (c *rawConn) Read(p []byte) (int, error) { return c.tcp.Read(p) }

// Write writes all of p.
func (c *rawConn) Write(p []byte) (int, error) { return c.tcp.Write(p) }

// ask writes p and reads what comes back.
func (c *rawConn) ask(p, in []byte) (written, n int) {
	written, err := c.Write(p)
	if err == nil {
		n, _ = c.Read(in)
	}
	return written, n
}

// readFirst waits until there is something to read and reads it to a buffer.
func (c *rawConn) readFirst() (*buffer, int, error) {
	b := getBuffer()
	n, err := c.tcp.Read(b[:])
	if n == 0 {
		buffers.Put(b)
		return nil, 0, err
	}
	return b, n, nil
}

// quiet cannot look here, and hopes.
func (c *rawConn) quiet() bool { return !c.closed.Load() }
