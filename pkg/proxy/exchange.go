package proxy

import (
	"context"
	"io"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// exchange is one request and its response, over HTTP/1 or HTTP/2 on either side. The server of the client's protocol fills the first part
// and calls Engine.serve; routing, filters, pools and retries are there, once. An exchange belongs to one goroutine and is reused: reset it
// before each use.
type exchange struct {
	engine  *Engine
	client  *client  // the connection that the request came on
	version *version // of the configuration; set when the request begins
	req     h1.Request
	body    body // the request's; never nil, see noBody
	w       responder
	holder  *holder         // of the connection; nil where ctx does that
	ctx     context.Context // ends with the client's stream; nil over HTTP/1, where its connection tells

	// Filled in on the way.
	path     string        // as it was before a rewrite
	allowed  string        // the origins that may read the answer, as the rule's CORS says; "" for none
	prefix   string        // that the rule matched; "" when it did not match by prefix
	route    *routeState   // of the rule that matched; nil when none did
	backend  *backendState // nil unless forwarded
	sticky   *sticky       // nil without sessions
	grouped  bool          // the client has shown that it is kept at backend
	held     *member       // the endpoint of the client's session; nil when it shows none
	member   *member       // the endpoint of the last try; nil before the first
	tried    tried         // endpoints
	fresh    bool          // the next try is to use a new connection
	limit    *limit        // the timeouts of the route; nil when it sets none
	replay   *replay       // of the request's body; nil where that is not kept
	lease    lease         // of the pool's stake in the endpoint
	crowd    *member       // where there was no room; valid after tryBusy
	called   *member       // where there may be room after a wait; nil again once it was looked at
	patience int64         // precise time until when the request waits for room; 0 before it first does
	resp     h1.Response   // from the endpoint or the proxy itself
	respBody body          // of resp; valid until up.done
	up       upstream      // what the last try left open; nil when nothing
	status   int           // that the client was answered with; 0 while it was not
	reason   string        // why the proxy itself answered
	undialed bool          // an endpoint could not be connected to
	silent   bool          // the last endpoint that could not be connected to did not answer in time
	canceled bool          // the endpoint ended the request by CANCEL, as servers of gRPC do when its deadline has passed
	mirrored *mirroredBody // what mirrors are sent; nil where they are sent no body
	in, out  int64         // bytes of the bodies that were passed on
	began    int64         // precise time; 0 unless the access log samples this request
	scratch  []byte        // for values that are made for this request
}

// reset makes x ready for the next request of the same client.
func (x *exchange) reset() {
	x.req.Reset()
	x.resp.Reset()
	*x = exchange{engine: x.engine, client: x.client, w: x.w, holder: x.holder, body: noBody{}, req: x.req, resp: x.resp, scratch: x.scratch[:0]}
}

// options are those of the listener that the request came through, and the engine's for a mirrored request.
func (x *exchange) options() *Options {
	if x.version == nil {
		return &x.engine.options
	}
	return x.version.site.options
}

// client is what is known of a client's connection. It does not change once requests come.
type client struct {
	flow
	ip          string // remote's address, as X-Forwarded-For writes it
	port        string // local's port
	tls         bool
	serverName  string     // that the client asked for in its TLS handshake, lower case; "" when none
	certificate string     // that it has proven, as X-Forwarded-Client-Cert says it; "" when none
	shown       []h1.Field // of the certificate, as ClientValidation.Fields says; nil for none
	version     string     // of TLS, as OpenSSL calls it; "" without TLS
	suite       string     // in the same way
	trusted     bool       // its X-Forwarded-* fields are continued
	counters    *counters
}

// body is the body of a message as it arrives.
type body interface {
	// next returns the bytes that come next, which are valid until the next call. It waits until there are some, and returns io.EOF after
	// the last, never together with bytes. When the other side is at fault the error is an h1.Error, which has the status to answer.
	next() ([]byte, error)
	// buffered is how many bytes next would return without waiting; more than 0 too where it would say without waiting that the body has ended.
	buffered() int
	// trailers are the fields after the body; valid after io.EOF.
	trailers() []h1.Field
}

// responder is where a response goes: an HTTP/1 connection or an HTTP/2 stream. Errors mean that the client is gone or does not take what it is sent.
type responder interface {
	// inform sends an interim response (100 to 199, not 101).
	inform(r *h1.Response) error
	// respond begins the response. Fields that are Gone, hop by hop, or frame the body are not sent as they are: the responder frames the
	// body itself, by r.Length. head says that no body follows whatever r.Length. It may wait in a buffer until flush.
	respond(r *h1.Response, head bool) error
	// write sends a part of the body and does not keep p. It may wait in a buffer until flush.
	write(p []byte) error
	flush() error
	// finish ends the body, with trailers where the framing has any, and flushes.
	finish(trailers []h1.Field) error
	// abort makes the client see that the response, which has begun, will not be whole.
	abort()
	// tunnel answers that the protocol is switched as r (101) says, and then carries bytes both ways until both sides are done or
	// silent for Options.TunnelIdle. early is what the endpoint sent already. The caller closes up. It returns the bytes carried.
	tunnel(r *h1.Response, up wire, raw *rawConn, early []byte) (in, out int64, err error)
}

// transport speaks to one endpoint in the protocol of its pools.
type transport interface {
	// try sends x.req and x.body, and reads the head of the final response into x.resp; x.respBody and x.up are set then. Interim
	// responses go to x.w. While it waits x.limit watches it. When the outcome is not tryOK, nothing is left open.
	//
	// The fields to send are those of x.req.Fields that are not Gone, hop by hop, Host, Content-Length or Expect. The transport adds what says
	// the same in its protocol: x.req.Authority, x.req.Length, x.req.Upgrade and, where x.req.Trailers says so, "te: trailers".
	try(x *exchange) outcome
	// retire closes the connections that are not in use now, and the others after use. try still works after it.
	retire()
}

// upstream is what a successful try leaves open.
type upstream interface {
	// done ends the use. Where the exchange was not completed (whole is false) the stream or connection is dropped. It returns after the
	// request's body is not read any more.
	done(whole bool)
	// tunnel returns the connection after a response with status 101; nil when the protocol has no such thing.
	tunnel() (w wire, raw *rawConn, early []byte)
}

// outcome is how a try ended.
type outcome uint8

const (
	tryOK      outcome = iota
	tryUnsent          // the endpoint did not get the request: any request may go to another. member.unreachable was called where that is why
	tryStale           // a reused connection ended before a response began: an idempotent request without a body may be repeated
	tryBroken          // no response, or none that can be passed on: 502
	tryTimeout         // 504
	tryClient          // the client's body failed: x.status is the status to answer, 0 that it is gone
	tryBusy            // the endpoint has as many connections as Limits.Connections allows, and no room on them

	// Transports do not say what follows.
	tryFull    // no endpoint has room
	tryRefused // the request may not be sent, for x.reason
	tryNone    // there is no endpoint
)

// noBody is the body of a message that has none.
type noBody struct{}

func (noBody) next() ([]byte, error) { return nil, io.EOF }
func (noBody) buffered() int         { return 0 }
func (noBody) trailers() []h1.Field  { return nil }
