package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// attempt is one request to an endpoint that speaks HTTP/2: the transport's side of an exchange until done.
type attempt struct {
	x      *exchange
	ctx    context.Context
	cancel context.CancelFunc
	body   *sendBody // nil when the request has none
	resp   *http.Response

	buffer  *[]byte // of the response's body
	bodyErr error   // what the response's body returns next

	watch deadlines
	late  atomic.Bool // the endpoint took too long
	wrote atomic.Bool // the request's head went out

	mu    sync.Mutex
	final bool // RoundTrip has returned
}

// interrupt ends the attempt. Any goroutine may call it.
func (a *attempt) interrupt() { a.cancel() }

// expired is called by the sweeper.
func (a *attempt) expired(bool, bool) {
	a.watch.read.Store(0)
	a.late.Store(true)
	a.cancel()
}

// sameEndpoint is how often a request goes to an endpoint whose connections end before it looks at it.
const sameEndpoint = 3

// try sends the request and waits for the head of the response.
func (t *http2Transport) try(x *exchange) outcome {
	for n := 1; ; n++ {
		result, again := t.attempt(x)
		if !again || n == sameEndpoint {
			return result
		}
	}
}

// attempt sends the request once. again says that another connection to the endpoint may do better.
func (t *http2Transport) attempt(x *exchange) (result outcome, again bool) {
	a := &attempt{x: x}
	base := x.ctx
	if base == nil {
		base = context.Background()
	}
	a.ctx, a.cancel = context.WithCancel(base)
	a.watch.expire = a
	theSweeper.watch(&a.watch)
	x.watch(a)

	if x.req.Length != 0 {
		a.body = &sendBody{attempt: a}
	}
	r := t.request(httptrace.WithClientTrace(a.ctx, a.trace()), x)
	if a.body != nil {
		r.Body = a.body
		a.body.request = r
	}
	conn, err := t.reserve(a.ctx, x.member.connections)
	if err != nil {
		a.end()
		if errors.Is(err, errBusy) {
			return tryBusy, false
		}
		var dial *dialError
		if errors.As(err, &dial) {
			if !exhausted(err) {
				x.undialed, x.silent = true, timedOut(err)
				x.member.unreachable(dial.Error())
			}
			return tryUnsent, false
		}
		return a.interrupted(), false
	}
	used := conn.used.Swap(true)
	if a.body == nil {
		a.sent()
	} else {
		x.proceed()
	}
	a.resp, err = conn.RoundTrip(r) //nolint:bodyclose // done closes it.
	conn.settled()
	a.mu.Lock()
	a.final = true
	a.watch.read.Store(0)
	a.mu.Unlock()
	if err == nil && (a.resp.StatusCode < 200 || a.resp.StatusCode > 999) {
		err = errStatus
	}
	if err != nil {
		return a.failed(err, used)
	}
	a.accept()
	return tryOK, false
}

var errStatus = errors.New("a response with a status that is none")

// trace tells what RoundTrip does on the way.
func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		WroteHeaders: func() { a.wrote.Store(true) },
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.final || code == http.StatusContinue || code == http.StatusSwitchingProtocols {
				return nil
			}
			interim := h1.Response{Status: code, Minor: 1}
			interim.Fields = appendFields(nil, http.Header(header))
			return a.x.w.inform(&interim)
		},
	}
}

// failed ends an attempt that got no response and says how it ended.
func (a *attempt) failed(err error, used bool) (result outcome, again bool) {
	a.end()
	if result := a.interrupted(); result != tryBroken {
		return result, false
	}
	var client error
	untouched := true
	if a.body != nil {
		client, untouched = a.body.clientErr, !a.body.touched
	}
	var reason *h1.Error
	switch {
	case errors.As(client, &reason):
		a.x.status, a.x.reason = reason.Status, reason.Reason
		return tryClient, false
	case client != nil:
		return tryClient, false
	case untouched && (!a.wrote.Load() || refused(err)):
		return tryUnsent, true
	}
	a.x.member.failures.Add(1)
	var stream http2.StreamError
	a.x.canceled = canceled(err)
	if untouched && used && !errors.As(err, &stream) && !errors.Is(err, errStatus) {
		return tryStale, false
	}
	return tryBroken, false
}

// interrupted is the outcome where the attempt was ended from this side, and tryBroken where it was not.
func (a *attempt) interrupted() outcome {
	switch {
	case a.x.limit.abandoned():
		return tryClient
	case a.x.ctx != nil && a.x.ctx.Err() != nil:
		return tryClient
	case a.late.Load(), a.x.limit.expired():
		return tryTimeout
	}
	return tryBroken
}

// refused reports whether the endpoint said that it did not look at the request (RFC 9113, 8.7).
func refused(err error) bool {
	var stream http2.StreamError
	if errors.As(err, &stream) {
		return stream.Code == http2.ErrCodeRefusedStream
	}
	// The library has this error for streams above the last that a GOAWAY names, and does not export it.
	return err.Error() == "http2: Transport received Server's graceful shutdown GOAWAY"
}

// canceled reports whether the endpoint ended the stream by CANCEL.
func canceled(err error) bool {
	var stream http2.StreamError
	return errors.As(err, &stream) && stream.Code == http2.ErrCodeCancel
}

// accept puts the head of the response into the exchange.
func (a *attempt) accept() {
	x := a.x
	x.resp.Reset()
	x.resp.Status = a.resp.StatusCode
	x.resp.Length = a.resp.ContentLength
	x.resp.Fields = appendFields(x.resp.Fields, a.resp.Header)
	x.respBody, x.up = a, a
}

// appendFields adds the fields of a header that is not changed any more.
func appendFields(fields []h1.Field, header http.Header) []h1.Field {
	for name, values := range header {
		id := h1.Identify(name)
		for _, value := range values {
			fields = append(fields, h1.Field{Name: name, Value: value, ID: id})
		}
	}
	return fields
}

// sent begins the time for the head of the response: the request is whole.
func (a *attempt) sent() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.final {
		a.watch.read.Store(after(a.x.options().ResponseTimeout))
	}
}

// sending notes that the request's body goes on. An endpoint that is being sent something may be silent.
func (a *attempt) sending() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.final && a.watch.read.Load() != 0 {
		a.stir()
	}
}

// stir begins anew the time that the endpoint may be silent.
func (a *attempt) stir() { a.watch.read.Store(after(a.x.options().StreamTimeout)) }

// next, buffered and trailers make an attempt the body of its response.

func (a *attempt) next() ([]byte, error) {
	if a.bodyErr != nil {
		return nil, a.bodyErr
	}
	if a.buffer == nil {
		a.buffer, _ = relayBuffers.Get().(*[]byte)
	}
	a.stir()
	n, err := a.resp.Body.Read(*a.buffer)
	a.watch.read.Store(0)
	a.bodyErr = err
	if err != nil && canceled(err) {
		a.x.canceled = true
	}
	if n == 0 {
		return nil, err
	}
	return (*a.buffer)[:n], nil
}

// buffered is not known: the library does not tell. So every part that comes is flushed, as gRPC needs it.
func (a *attempt) buffered() int { return 0 }

func (a *attempt) trailers() []h1.Field { return appendFields(nil, a.resp.Trailer) }

// done ends the use of the stream. The request's body goes first: closing the response's waits for the library to be done with it.
func (a *attempt) done(whole bool) {
	if !whole {
		a.cancel()
	}
	if a.body != nil {
		a.body.detach()
	}
	_ = a.resp.Body.Close() // It only resets the stream when it is not over, which is what is wanted.
	a.end()
}

// end lets go of everything. The exchange's body is not read after it.
func (a *attempt) end() {
	a.x.watch(nil)
	a.cancel()
	theSweeper.forget(&a.watch)
	if a.body != nil {
		a.body.detach()
	}
	if a.buffer != nil {
		relayBuffers.Put(a.buffer)
		a.buffer = nil
	}
}

// tunnel returns nothing: HTTP/2 has no status 101.
func (a *attempt) tunnel() (w wire, raw *rawConn, early []byte) { return nil, nil, nil }
