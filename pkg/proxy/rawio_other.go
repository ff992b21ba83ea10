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
