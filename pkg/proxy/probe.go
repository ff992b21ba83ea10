package proxy

import (
	"context"
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

// prober is a transport that checks its endpoint in another way than with HTTP/1.
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
	up, err := e.connectTLS(ctx, e.tls)
	if err != nil {
		return plain(err)
	}
	defer up.close()
	if path == "" {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := up.raw.SetDeadline(deadline); err != nil {
			return plain(err)
		}
	}
	status, err := probeGet(up.wire, e.hostname(), path)
	if err != nil {
		return err
	}
	if status < 200 || status > 399 {
		return &statusError{path, status}
	}
	return nil
}

const healthAgent = "cloudgate-health"

// probeGet sends a GET with HTTP/1.1, the last on conn, and returns the status of the response.
func probeGet(conn wire, host, path string) (int, error) {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + healthAgent + "\r\nConnection: close\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil {
		return 0, plain(err)
	}
	return probeStatus(conn)
}

// statusError is a check that was answered with another status than a healthy endpoint's.
type statusError struct {
	path   string
	status int
}

func (e *statusError) Error() string { return fmt.Sprintf("GET %s answered %d", e.path, e.status) }

// probeStatus reads the status of a response. A head of more than 16 KiB is an error.
func probeStatus(conn wire) (int, error) {
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

// plain is err without the addresses of this side, which differ each time: a reason that is shown has to be stable.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
