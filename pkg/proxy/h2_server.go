package proxy

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/http2"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// serveHTTP2 serves a connection whose client speaks HTTP/2, by ALPN or by prior knowledge. early is what was read of it already.
// Frames, flow control and header compression are the library's; each stream becomes an exchange.
func (l *listener) serveHTTP2(s *session, w wire, early []byte) {
	conn, ok := w.(net.Conn)
	if !ok {
		l.engine.options.Logf("listener %s: HTTP/2 over %T", l.address, w)
		return
	}
	// From here on the library and the streams keep the time.
	s.readWithin(-1)
	s.writeWithin(-1)
	o := l.version.Load().site.options
	server := &http2.Server{
		MaxConcurrentStreams:         o.MaxStreams,
		MaxReadFrameSize:             o.MaxFrameBytes,
		MaxUploadBufferPerConnection: 1 << 20,
		MaxUploadBufferPerStream:     256 << 10,
		IdleTimeout:                  max(o.IdleTimeout, 0),
		ReadIdleTimeout:              max(o.IdleTimeout, 0),
		WriteByteTimeout:             max(o.WriteTimeout, 0),
	}
	// A pair of servers for each connection, because the library begins the graceful end of connections by the server.
	base := &http.Server{MaxHeaderBytes: o.MaxHead, ErrorLog: silent}
	if err := http2.ConfigureServer(base, server); err != nil {
		o.Logf("listener %s: HTTP/2: %v", l.address, err)
		return
	}
	s.onDrain(func() {
		// It knows no connection to wait for: it asks the library to send GOAWAY and returns.
		if err := base.Shutdown(context.Background()); err != nil {
			o.Logf("listener %s: HTTP/2: %v", l.address, err)
		}
	})
	server.ServeConn(newGuard(conn, early, o.MaxResetRate, func() { l.engine.layer4.flooded.Add(1) }), &http2.ServeConnOpts{
		BaseConfig: base,
		Handler:    http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { l.serveStream(s, rw, r) }),
	})
}

// silent takes what the library says about its clients, who are not the operator's concern.
var silent = log.New(io.Discard, "", 0)

// exchanges2 are those of streams. They have no client of their own.
var exchanges2 = sync.Pool{New: func() any { return new(exchange) }}

// serveStream answers one request.
func (l *listener) serveStream(s *session, rw http.ResponseWriter, r *http.Request) {
	x, _ := exchanges2.Get().(*exchange)
	x.engine, x.client, x.version, x.ctx = l.engine, &s.client, l.version.Load(), r.Context()
	if l.draining.Load() || x.unproven() || s.aged(x.options()) {
		rw.Header().Set("Connection", "close") // The library turns it into GOAWAY.
	}
	st := newStream(x, rw, r)
	x.w = st
	reason, ok := fillRequest(&x.req, r)
	if ok && len(x.req.Fields) > x.options().MaxFields {
		reason, ok = h1.ErrHeadLarge, false
	}
	if ok {
		x.body = st.requestBody()
		l.engine.serve(x)
	} else {
		s.client.counters.malformed.Add(1)
		x.body = noBody{}
		x.answer(reason.Status, reason.Reason)
	}
	st.end()
	x.limit.release()
	aborted := st.aborted
	x.reset()
	x.client, x.w = nil, nil
	exchanges2.Put(x)
	if aborted {
		panic(http.ErrAbortHandler) // The library resets the stream.
	}
}
