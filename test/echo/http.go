package echo

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// maxBody bounds what is read of a request and written of an answer.
const maxBody = 16 << 20

// Answer is what the HTTP backend says of a request, as JSON.
type Answer struct {
	Backend   string      `json:"backend"`             // the name that the backend was given, like a pod's
	Namespace string      `json:"namespace,omitempty"` // where the backend is a pod
	Method    string      `json:"method"`
	Host      string      `json:"host"`
	Path      string      `json:"path"`
	Query     string      `json:"query,omitempty"`
	Proto     string      `json:"proto"`
	Headers   http.Header `json:"headers"`
	Body      int64       `json:"body"` // bytes of the request body
	SNI       string      `json:"sni,omitempty"`
}

// HTTP is a backend that answers every request with an Answer.
type HTTP struct {
	name     string
	server   *http.Server
	listener net.Listener
	requests atomic.Int64
	grpc     *grpc.Server
}

// ListenHTTP starts a backend for HTTP/1.1 and h2c, or for both over TLS when certificate is not nil. Query parameters of a request
// bend the answer: delay=200ms waits, status=503 answers so, pieces=5 answers in so many lines with a rest between them. A WebSocket
// gets its messages back, and gRPC finds a service grpc.health.v1.Health.
func ListenHTTP(name, address string, certificate *tls.Certificate) (*HTTP, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	h := &HTTP{name: name, listener: listener, grpc: newGRPC()}
	h.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		Protocols:         new(http.Protocols),
	}
	h.server.Protocols.SetHTTP1(true)
	if certificate == nil {
		h.server.Protocols.SetUnencryptedHTTP2(true)
		go func() { _ = h.server.Serve(listener) }()
		return h, nil
	}
	h.server.Protocols.SetHTTP2(true)
	h.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
	go func() { _ = h.server.ServeTLS(listener, "", "") }()
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	if h.special(w, r) {
		return
	}
	query := r.URL.Query()
	if delay, err := time.ParseDuration(query.Get("delay")); err == nil && delay <= time.Minute {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
	}
	size, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "reading the body failed", http.StatusBadRequest)
		return
	}
	answer := Answer{
		Backend: h.name, Namespace: os.Getenv("POD_NAMESPACE"), Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Proto: r.Proto, Headers: r.Header, Body: size,
	}
	if r.TLS != nil {
		answer.SNI = r.TLS.ServerName
	}
	status := http.StatusOK
	if s, err := strconv.Atoi(query.Get("status")); err == nil && s >= 200 && s <= 599 {
		status = s
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Backend", h.name)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// Addr is where the backend listens.
func (h *HTTP) Addr() netip.AddrPort { return h.listener.Addr().(*net.TCPAddr).AddrPort() }

// Requests counts what arrived since the start.
func (h *HTTP) Requests() int64 { return h.requests.Load() }

// Close stops at once, as a crash does: connections are cut.
func (h *HTTP) Close() error { return h.server.Close() }

// Shutdown stops as a pod that is asked to: requests in flight are finished.
func (h *HTTP) Shutdown(ctx context.Context) error { return h.server.Shutdown(ctx) }
