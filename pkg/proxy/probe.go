package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// newEndpoint makes the state of an endpoint that no pool had.
func (e *Engine) newEndpoint(key endpointKey, prove *BackendTLS) *endpoint {
	ep := &endpoint{key: key, options: &e.options, epoch: &e.epoch}
	if prove != nil {
		ep.tls, ep.broken = prove.config()
	}
	switch key.protocol {
	case PoolHTTP1:
		ep.transport = newHTTP1Transport(ep)
	case PoolHTTP2:
		ep.transport = newHTTP2Transport(ep)
	case PoolTCP, PoolUDP:
	}
	return ep
}

// prober is a transport that can check its endpoint better than with HTTP/1.
type prober interface {
	probe(ctx context.Context, path string) error
}

// probe checks the endpoint once: that a connection opens (and proves itself) where path is empty, else that a GET answers 200 to 399.
func (e *endpoint) probe(ctx context.Context, path string) error {
	if path != "" {
		if p, ok := e.transport.(prober); ok {
			return p.probe(ctx, path)
		}
	}
	conn, err := e.dialContext(ctx)
	if err != nil {
		return plain(err)
	}
	defer conn.Close() //nolint:errcheck // It is not used any more.
	if path == "" {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return plain(err)
		}
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: " + e.hostname() + "\r\nUser-Agent: cloudgate-health\r\nConnection: close\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil {
		return plain(err)
	}
	status, err := probeStatus(conn)
	if err != nil {
		return err
	}
	if status < 200 || status > 399 {
		return fmt.Errorf("GET %s answered %d", path, status)
	}
	return nil
}

// probeStatus reads the status of a response. A head that is longer than any check's needs to be is an error.
func probeStatus(conn net.Conn) (int, error) {
	buf := make([]byte, 16<<10)
	n := 0
	for {
		got, err := conn.Read(buf[n:])
		n += got
		if end := h1.HeadEnd(buf[:n], 0); end > 0 {
			var r h1.Response
			if err := r.Parse(buf[:end], "GET", h1.Limits{MaxLine: len(buf), MaxFields: 256}); err != nil {
				return 0, err
			}
			return r.Status, nil
		}
		if err != nil {
			return 0, plain(err)
		}
		if n == len(buf) {
			return 0, h1.ErrHeadLarge
		}
	}
}

// hostname is what the endpoint is called where no request says.
func (e *endpoint) hostname() string {
	if e.tls != nil && e.tls.ServerName != "" {
		return e.tls.ServerName
	}
	return e.address().String()
}

// dialContext opens a connection, with TLS where the endpoint has it.
func (e *endpoint) dialContext(ctx context.Context) (net.Conn, error) {
	if e.broken != nil {
		return nil, e.broken
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", e.address().String())
	if err != nil || e.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, e.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// plain is err without the addresses of this side, which differ each time: a reason that is shown has to be stable.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
