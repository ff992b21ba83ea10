package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// stream is one request of an HTTP/2 connection: the responder and the body of its exchange.
type stream struct {
	x       *exchange
	rw      http.ResponseWriter
	control *http.ResponseController
	r       *http.Request
	grpc    bool

	begun   bool // the response has
	held    bool // its head is to go with its end: a response without a body, which in gRPC is not the same as an empty body
	swallow bool // what the body would be was translated into the head
	aborted bool

	// What the client does in time. read is for the request's body, and for silence both ways; write for what it is sent.
	watch    deadlines
	started  int64 // coarse time
	received int64 // of the body
	reading  atomic.Bool

	mu    sync.Mutex // held by what the sweeper began and by end
	ended bool

	buffer  *[]byte // of the body
	bodyErr error   // what the body's next read returns
}

func newStream(x *exchange, rw http.ResponseWriter, r *http.Request) *stream {
	st := &stream{x: x, rw: rw, control: http.NewResponseController(rw), r: r, grpc: isGRPC(r.Header.Get("Content-Type")), started: coarse()}
	st.watch.expire = st
	st.stir()
	theSweeper.watch(&st.watch)
	return st
}

// end is called when the exchange is over; nothing touches the library's writer after it.
func (st *stream) end() {
	theSweeper.forget(&st.watch)
	st.mu.Lock()
	st.ended = true
	st.mu.Unlock()
	if st.buffer != nil {
		relayBuffers.Put(st.buffer)
		st.buffer = nil
	}
}

// stir notes that something moved: a stream on which nothing does for long is ended.
func (st *stream) stir() { st.watch.read.Store(after(st.x.options().StreamTimeout)) }

// expired ends a stream whose client is too slow: a body that does not come is answered, anything else is reset. The sweeper must not
// wait, and the library may need a moment.
func (st *stream) expired(_, write bool) {
	answer := st.reading.Load() && !write
	st.watch.write.Store(0)
	st.stir() // Should even that not help.
	go func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		if st.ended {
			return
		}
		// Either fails only where the stream is over.
		_ = st.control.SetReadDeadline(aLongTimeAgo)
		if !answer {
			_ = st.control.SetWriteDeadline(aLongTimeAgo)
		}
	}()
}

// hurry gives the client its time for one write; relax ends it. A caller of gRPC may hold back what it reads, and says so by flow control.
func (st *stream) hurry() {
	o := st.x.options()
	if st.grpc {
		st.watch.write.Store(after(o.StreamTimeout))
	} else {
		st.watch.write.Store(after(o.WriteTimeout))
	}
}

func (st *stream) relax() {
	st.watch.write.Store(0)
	st.stir()
}

// inform sends an interim response.
func (st *stream) inform(r *h1.Response) error {
	st.hurry()
	defer st.relax()
	h := st.rw.Header()
	fillHeader(h, r.Fields)
	st.rw.WriteHeader(r.Status)
	clear(h)
	return nil
}

// respond begins the response. The proxy's own errors are put as gRPC puts them where the request is of that kind.
func (st *stream) respond(r *h1.Response, head bool) error {
	st.hurry()
	defer st.relax()
	h := st.rw.Header()
	if st.grpc && st.x.up == nil && r.Status >= 400 {
		st.begun, st.held, st.swallow = true, true, true
		fillHeader(h, r.Fields)
		h["Content-Type"] = []string{"application/grpc"}
		h["Content-Length"] = nil
		grpcError(h, "", st.grpcCode(r.Status), st.x.reason)
		st.rw.WriteHeader(http.StatusOK)
		return nil
	}
	fillHeader(h, r.Fields)
	// The library would make up what is not there.
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil
	}
	st.held = r.Length == 0 || head
	switch {
	case r.Length < 0, r.Status == http.StatusNoContent, r.Status == http.StatusNotModified:
		// With 304 it may be said, but clients (Go's is one) then miss the body.
		h["Content-Length"] = nil
	case r.Length == 0 && isGRPC(h.Get("Content-Type")):
		h["Content-Length"] = nil
	default:
		h["Content-Length"] = []string{strconv.FormatInt(r.Length, 10)}
	}
	st.begun = true
	st.rw.WriteHeader(r.Status)
	return nil
}

// fillHeader copies the fields that concern the message, their strings too: those may live in a buffer that is used again when the
// exchange is over, and the library's header compression remembers them for as long as the connection lives.
func fillHeader(h http.Header, fields []h1.Field) {
	var keep keeper
	keep.grow(fields, 0)
	for i := range fields {
		f := &fields[i]
		if f.Gone || f.ID.HopByHop() || f.ID == h1.ContentLength {
			continue
		}
		name := http.CanonicalHeaderKey(keep.string(f.Name))
		h[name] = append(h[name], keep.string(f.Value))
	}
}

func (st *stream) write(p []byte) error {
	if st.swallow {
		return nil
	}
	st.hurry()
	defer st.relax()
	_, err := st.rw.Write(p)
	return err
}

// flush sends what is written. A head whose message has no body waits for the end: sent before, it would say that a body comes.
func (st *stream) flush() error {
	if st.held {
		return nil
	}
	st.hurry()
	defer st.relax()
	return st.control.Flush()
}

// finish ends the response. The library sends what is left when the handler returns.
func (st *stream) finish(trailers []h1.Field) error {
	if len(trailers) == 0 {
		return nil
	}
	h, own := st.rw.Header(), http.Header{}
	fillHeader(own, trailers)
	for name, values := range own {
		h[http.TrailerPrefix+name] = values
	}
	return nil
}

// abort resets the stream, but where its response is of gRPC, which says in the trailers how a call ended.
func (st *stream) abort() {
	h := st.rw.Header()
	if st.x.canceled && st.begun && isGRPC(h.Get("Content-Type")) && h["Content-Length"] == nil {
		grpcError(h, http.TrailerPrefix, st.grpcCode(http.StatusBadGateway), st.x.reason)
		return
	}
	st.aborted = true
}

// grpcCode is what gRPC calls the status that the proxy gives.
func (st *stream) grpcCode(status int) int {
	if !st.x.canceled {
		return grpcStatus(status)
	}
	return grpcCanceled(st.r.Header.Get("Grpc-Timeout"), time.Duration(precise()-st.started))
}

// errNoTunnel is why a stream does not switch protocols.
var errNoTunnel = errors.New("a stream of HTTP/2 does not switch protocols")

func (st *stream) tunnel(*h1.Response, wire, *rawConn, []byte) (in, out int64, err error) {
	st.abort()
	return 0, 0, errNoTunnel
}

// requestBody returns the body of the exchange's request.
func (st *stream) requestBody() body {
	if st.x.req.Length == 0 {
		return noBody{}
	}
	return (*streamBody)(st)
}

// streamBody is a stream as the body of its request.
type streamBody stream

// bodyChunk is how much of a body is read at once.
const bodyChunk = 16 << 10

func (b *streamBody) next() ([]byte, error) {
	if b.bodyErr != nil {
		return nil, b.bodyErr
	}
	if b.buffer == nil {
		b.buffer, _ = relayBuffers.Get().(*[]byte)
	}
	b.pace()
	b.reading.Store(true)
	n, err := b.r.Body.Read((*b.buffer)[:bodyChunk])
	b.reading.Store(false)
	b.received += int64(n)
	if limit := b.x.engine.options.MaxBody; limit >= 0 && b.received > limit {
		b.bodyErr = h1.ErrBodyLarge
		return nil, b.bodyErr
	}
	if err != nil {
		b.bodyErr = b.why(err)
		(*stream)(b).stir()
	}
	if n == 0 {
		return nil, b.bodyErr
	}
	return (*b.buffer)[:n], nil
}

// pace gives the client the time that what it sent so far has earned. A stream of gRPC is silent as long as its caller has nothing to say,
// so that only silence both ways counts.
func (b *streamBody) pace() {
	if b.grpc {
		(*stream)(b).stir()
		return
	}
	o := &b.x.engine.options
	if o.BodyTimeout < 0 {
		b.watch.read.Store(0)
		return
	}
	b.watch.read.Store(b.started + int64(o.BodyTimeout) + b.received*nano/int64(max(o.BodyRate, 1)) + int64(tick))
}

// why tells the end from a client that is slow, sends another length than it said, or is gone.
func (b *streamBody) why(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return h1.ErrBodySlow
	case b.r.Context().Err() != nil:
		return err
	}
	return h1.ErrLength
}

// buffered is not known: the library does not tell.
func (b *streamBody) buffered() int { return 0 }

// trailers leaves out the fields that those of HTTP/1 may not be.
func (b *streamBody) trailers() []h1.Field {
	var fields []h1.Field
	for name, values := range b.r.Trailer {
		if h1.Identify(name) != h1.Other {
			continue
		}
		for _, value := range values {
			fields = append(fields, h1.Field{Name: name, Value: value})
		}
	}
	return fields
}

// abandon makes a read of the body that waits fail, and all after it. Any goroutine may call it.
func (b *streamBody) abandon() { _ = b.r.Body.Close() } // It always returns nil.
