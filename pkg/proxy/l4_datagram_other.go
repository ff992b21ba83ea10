//go:build !unix

package proxy

import "net"

// datagramReader reads a session's datagrams.
type datagramReader struct {
	conn   *net.UDPConn
	buffer []byte
}

func newDatagramReader(conn *net.UDPConn) *datagramReader {
	return &datagramReader{conn: conn, buffer: make([]byte, maxDatagram)}
}

// read waits for a datagram and hands it to use, which does not keep it.
func (r *datagramReader) read(use func([]byte)) error {
	n, err := r.conn.Read(r.buffer)
	if err != nil {
		return err
	}
	use(r.buffer[:n])
	return nil
}
