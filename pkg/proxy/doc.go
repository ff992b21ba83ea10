// Package proxy is the data path: an immutable configuration, swapped whole, and the engine that serves it. It speaks HTTP/1.1,
// HTTP/2, gRPC, WebSocket, TLS, TCP and UDP, and treats all input as hostile.
//
// It knows addresses, routes and endpoints. It knows nothing of Kubernetes, of clouds, or of where its configuration comes from.
//
// # How a request goes
//
// A listener accepts a connection and gives it to the protocol of its configuration: HTTP/1 (server_h1.go), HTTP/2 (h2_*.go), or below HTTP
// (l4_*.go, tls_*.go). The two HTTP servers make an exchange of each request and call Engine.serve, where routing, filters, the choice of an
// endpoint and repeated tries are, once (serve.go, forward.go). The endpoint's transport, again of either version, sends the request
// and brings the response back. A responder writes it to the client.
//
// Each connection of HTTP/1 is one goroutine and straight-line code. What a request needs comes from pools and goes back: in the steady
// state nothing is allocated, and an idle connection holds no buffer. Reads and writes go through rawConn. Deadlines are coarse: a sweeper,
// shared by all engines of the process, looks at all connections ten times a second. Only the timeouts of routes have timers of their own.
//
// # What a path is
//
// A path is normalised once (h1.Request.SetTarget), and what is matched is what is sent on: needless percent-encodings are decoded,
// dot segments resolved, and what leaves the root, has a backslash or is malformed is refused. A percent-encoded slash stays one, and so do
// repeated slashes.
//
// # What rules and listeners can say
//
// Rules match by what package route knows, and forward, redirect or answer. They rewrite by segments of the path or by regular expressions,
// and keep clients at a backend, at an endpoint, or where they flow to by hash. A listener follows policies of its own where it has any: for
// HTTP (HTTPPolicy: what endpoints are told of clients, the pages of the proxy's own answers), for TLS (TLSPolicy), for what clients have to
// prove (ClientValidation), and for limits (Limitations). They are there for load balancers that behave in another way than the engine
// by itself, and cost nothing where they are not set.
//
// # What is shared
//
// An Engine is one load balancer. Within it the connections and the health of an endpoint belong to its address and the way it is spoken
// to, not to a pool: they stay when pools change. A request keeps the version of the configuration that it began with.
package proxy
