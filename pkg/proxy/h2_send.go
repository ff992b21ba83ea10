package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// request translates the exchange's request. The library may look at it after a try has ended, so nothing in it is the exchange's memory.
func (t *http2Transport) request(ctx context.Context, x *exchange) *http.Request {
	req := &x.req
	var keep keeper
	keep.grow(req.Fields, len(req.Verb)+len(req.Authority)+len(req.RawPath)+len(req.RawQuery))
	host := keep.string(req.Authority)
	if host == "" {
		host = t.endpoint.hostname() // HTTP/1.0 need not name one.
	}
	target := &url.URL{
		Scheme: "http", Host: host, Opaque: keep.string(req.RawPath),
		RawQuery: keep.string(req.RawQuery), ForceQuery: req.HasQuery,
	}
	if t.tls != nil {
		target.Scheme = "https"
	}
	if strings.HasPrefix(target.Opaque, "//") {
		// Else it would be taken for a host and a path. The library takes this prefix off again.
		target.Opaque = "//" + host + target.Opaque
	}
	r := (&http.Request{
		Method: keep.string(req.Verb), URL: target, Host: host, Header: make(http.Header, len(req.Fields)+1),
		Proto: "HTTP/2.0", ProtoMajor: 2, ContentLength: req.Length,
	}).WithContext(ctx)
	for i := range req.Fields {
		f := &req.Fields[i]
		switch {
		case f.Gone || f.ID.HopByHop() || f.ID == h1.Host || f.ID == h1.ContentLength || f.ID == h1.Expect:
		case f.ID == h1.Trailer:
			announce(r, keep.string(f.Value))
		default:
			name := http.CanonicalHeaderKey(keep.string(f.Name))
			r.Header[name] = append(r.Header[name], keep.string(f.Value))
		}
	}
	if req.Trailers {
		r.Header["Te"] = []string{"trailers"}
	}
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = nil // The library would name itself.
	}
	return r
}

// announce names the trailers that will follow the body. HTTP/2 does not ask for it, but the library sends no others.
func announce(r *http.Request, names string) {
	for name := range strings.SplitSeq(names, ",") {
		name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
		if !h1.ValidField(name, "") || h1.Identify(name) != h1.Other {
			continue // What frames or routes a message, or says who its client is, does not come after it.
		}
		if r.Trailer == nil {
			r.Trailer = http.Header{}
		}
		r.Trailer[name] = nil
	}
}

// keeper copies strings that live no longer than an exchange into one that does.
type keeper struct{ b strings.Builder }

// grow makes room for fields and n bytes more.
func (k *keeper) grow(fields []h1.Field, n int) {
	for i := range fields {
		n += len(fields[i].Name) + len(fields[i].Value)
	}
	k.b.Grow(n)
}

func (k *keeper) string(s string) string {
	mark := k.b.Len()
	k.b.WriteString(s)
	return k.b.String()[mark:]
}

// sendBody is the body of an exchange's request as the library reads it, on a goroutine of its own and possibly after the exchange is over.
type sendBody struct {
	attempt *attempt
	request *http.Request
	closed  atomic.Bool

	mu        sync.Mutex // held while the exchange's body is read
	rest      []byte     // of the last part
	touched   bool       // something was read
	ended     bool
	clientErr error // why the body cannot be read to its end; the client's doing
}

var errDetached = errors.New("the exchange is over")

// Read returns the next part of the body, and arms the time for the response after its end.
func (b *sendBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, errDetached
	}
	x := b.attempt.x
	if len(b.rest) == 0 && !b.ended && b.clientErr == nil {
		b.touched = true
		rest, err := x.body.next()
		switch {
		case b.closed.Load():
			return 0, errDetached
		case errors.Is(err, io.EOF):
			b.ended = true
			b.finish()
		case err != nil:
			b.clientErr = err
		}
		b.rest = rest
		x.in += int64(len(rest))
		b.attempt.sending()
	}
	switch {
	case b.clientErr != nil:
		return 0, b.clientErr
	case b.ended:
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// finish passes the trailers on and begins the endpoint's time.
func (b *sendBody) finish() {
	x := b.attempt.x
	for _, f := range x.body.trailers() {
		name := http.CanonicalHeaderKey(f.Name)
		if _, announced := b.request.Trailer[name]; announced {
			b.request.Trailer[strings.Clone(name)] = append(b.request.Trailer[name], strings.Clone(f.Value))
		}
	}
	b.attempt.sent()
}

// Close is called by the library when it wants nothing more.
func (b *sendBody) Close() error {
	b.closed.Store(true)
	return nil
}

// detach returns when the exchange's body is not read, and will not be.
func (b *sendBody) detach() {
	b.closed.Store(true)
	if !b.mu.TryLock() {
		if waiting, ok := b.attempt.x.body.(abandoner); ok {
			waiting.abandon()
		}
		b.mu.Lock()
	}
	b.mu.Unlock()
}
