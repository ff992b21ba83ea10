package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
)

// http2Transport speaks HTTP/2 to one endpoint: over TLS, or with prior knowledge. It keeps as many connections as the endpoint's limit of
// streams asks for. The protocol is the library's; which connection a request takes is decided here.
type http2Transport struct {
	endpoint *endpoint
	tls      *tls.Config // nil without TLS
	library  *http2.Transport
	open     atomic.Int64 // connections, those being opened or closed among them

	mu      sync.Mutex
	conns   []*http2Conn
	dialing *dialing // nil while none
	retired bool
}

// http2Conn is one connection and when it is too old to be used again.
type http2Conn struct {
	*http2.ClientConn
	until int64       // coarse time; 0 for never
	used  atomic.Bool // by a request
	// Requests that reserve set a stream aside for and whose RoundTrip has not returned: on a connection that is not to be used again
	// the library refuses those that it has not sent yet.
	trips   atomic.Int64
	leaving atomic.Bool // with the last of trips
}

// dialing is a connection being opened, for all who wait for one.
type dialing struct {
	waiters int // guarded by the transport's mu; the last that gives up cancels
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // valid after done
}

func newHTTP2Transport(e *endpoint) transport {
	o := e.options
	t := &http2Transport{endpoint: e}
	if e.tls != nil {
		t.tls = e.tls.Clone()
		t.tls.NextProtos = []string{http2.NextProtoTLS}
	}
	t.library = &http2.Transport{
		DisableCompression: true,
		MaxHeaderListSize:  uint32(o.MaxHead),
		IdleConnTimeout:    max(o.UpstreamIdle, 0),
		// An endpoint that vanished without a word is noticed by its silence.
		ReadIdleTimeout:  max(o.UpstreamIdle, 0),
		PingTimeout:      max(o.DialTimeout, 0),
		WriteByteTimeout: max(o.WriteTimeout, 0),
		AllowHTTP:        true,
	}
	return t
}

// reserve returns a connection with a stream set aside for the caller, who uses it by RoundTrip and then calls settled. It opens one when
// there is none with room, and waits for the one that is being opened. It opens none over most at once, unless that is 0. The error is
// errBusy, a *dialError, or ctx's.
func (t *http2Transport) reserve(ctx context.Context, most int64) (*http2Conn, error) {
	for {
		t.mu.Lock()
		if conn := t.take(); conn != nil {
			t.mu.Unlock()
			return conn, nil
		}
		d := t.dialing
		if d == nil {
			if most != 0 && t.open.Load() >= most {
				t.mu.Unlock()
				return nil, errBusy
			}
			d = t.beginDial()
		}
		d.waiters++
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			t.mu.Lock()
			if d.waiters--; d.waiters == 0 {
				d.cancel()
				if t.dialing == d {
					t.dialing = nil // Who comes now is not to get an error that was ours.
				}
			}
			t.mu.Unlock()
			return nil, context.Cause(ctx)
		case <-d.done:
			if d.err != nil {
				return nil, &dialError{d.err}
			}
		}
	}
}

// errBusy is why no connection was opened that may be opened later.
var errBusy = errors.New("the endpoint has as many connections as it may have")

// roomy reports whether a request may find room, where no more than most connections may be open.
func (t *http2Transport) roomy(most int64) bool {
	if most == 0 || t.open.Load() < most {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, conn := range t.conns {
		if conn.CanTakeNewRequest() {
			return true
		}
	}
	return t.dialing != nil
}

// closed is called when a connection is gone.
func (t *http2Transport) closed() {
	t.open.Add(-1)
	t.endpoint.line.next()
}

// beginDial opens a connection for all who will wait. t.mu is held.
func (t *http2Transport) beginDial() *dialing {
	d := &dialing{done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	t.dialing = d
	t.open.Add(1)
	go func() {
		defer cancel()
		conn, err := t.dial(ctx)
		t.mu.Lock()
		d.err = err
		if t.dialing == d {
			t.dialing = nil
		}
		if err == nil {
			t.conns = append(t.conns, conn)
		}
		t.mu.Unlock()
		close(d.done)
	}()
	return d
}

// dialError is why no connection to an endpoint could be opened.
type dialError struct{ err error }

func (e *dialError) Error() string { return plain(e.err).Error() }
func (e *dialError) Unwrap() error { return e.err }

// take returns a connection with room, and lets go of those that will never have any. t.mu is held.
func (t *http2Transport) take() *http2Conn {
	var found *http2Conn
	kept := t.conns[:0]
	for _, conn := range t.conns {
		if conn.until != 0 && conn.until <= coarse() {
			conn.leave()
			continue
		}
		if found == nil && conn.ReserveNewRequest() {
			found = conn
			conn.trips.Add(1)
			if t.retired {
				conn.leave()
				continue
			}
		}
		if state := conn.State(); !state.Closed && !state.Closing {
			kept = append(kept, conn)
		}
	}
	clear(t.conns[len(kept):])
	t.conns = kept
	return found
}

// leave lets the connection end with the last request that is on it. Nobody may reserve a stream of it any more.
func (c *http2Conn) leave() {
	c.leaving.Store(true)
	if c.trips.Load() == 0 {
		c.end()
	}
}

// settled is called when a RoundTrip has returned.
func (c *http2Conn) settled() {
	if c.trips.Add(-1) == 0 && c.leaving.Load() {
		c.end()
	}
}

// end ends the connection with the last of its streams. It may be called twice.
func (c *http2Conn) end() {
	c.SetDoNotReuse()
	if state := c.State(); state.StreamsActive+state.StreamsReserved+state.StreamsPending == 0 {
		_ = c.Close() // It is not used any more, whatever it says.
	}
}

// dial opens a connection and waits until the endpoint has shown that it speaks HTTP/2, and how many streams it allows.
func (t *http2Transport) dial(ctx context.Context) (*http2Conn, error) {
	if d := t.endpoint.options.DialTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	up, err := t.endpoint.connectTLS(ctx, t.tls)
	if err != nil {
		t.closed()
		return nil, err
	}
	up.raw.gone = t.closed
	var conn net.Conn = up.raw
	if secured, ok := up.wire.(*tls.Conn); ok {
		if got := secured.ConnectionState().NegotiatedProtocol; got != http2.NextProtoTLS {
			up.close()
			return nil, errors.New("the endpoint does not speak HTTP/2: it did not choose h2 by ALPN")
		}
		conn = secured
	}
	cc, err := t.library.NewClientConn(conn)
	if err != nil {
		up.close()
		return nil, err
	}
	// The endpoint's settings come before its answer to a ping.
	if err := cc.Ping(ctx); err != nil {
		_ = cc.Close() // The ping's error says more.
		return nil, fmt.Errorf("the endpoint does not speak HTTP/2: %w", err)
	}
	until := int64(0)
	if life := t.endpoint.options.UpstreamLifetime; life > 0 {
		until = after(life)
	}
	return &http2Conn{ClientConn: cc, until: until}, nil
}

// retire lets every connection end with the last request that is on it.
func (t *http2Transport) retire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retired = true // What is being opened is used by those who wait for it, and not kept.
	for _, conn := range t.conns {
		conn.leave()
	}
	clear(t.conns)
	t.conns = nil
}

// probe sends a GET as a health check does.
func (t *http2Transport) probe(ctx context.Context, path string) error {
	conn, err := t.reserve(ctx, 0)
	if err != nil {
		return plain(err)
	}
	defer conn.settled()
	scheme := "http"
	if t.tls != nil {
		scheme = "https"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+t.endpoint.hostname()+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", healthAgent)
	resp, err := conn.RoundTrip(r)
	if err != nil {
		return plain(err)
	}
	if err := resp.Body.Close(); err != nil {
		return plain(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return &statusError{path, resp.StatusCode}
	}
	return nil
}
