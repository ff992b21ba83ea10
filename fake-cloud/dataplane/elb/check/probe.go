package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

const (
	agent       = "ELB-HealthChecker/2.0"
	maxHead     = 64 << 10
	maxBody     = 64 << 10 // of a gRPC answer, before its trailers
	dialTimeout = 2 * time.Minute
)

// header of PROXY protocol version 2 for a connection that is the load balancer's own: it names no client.
const header = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"

// dial opens a connection to a target.
func dial(ctx context.Context, address string, announce bool) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout, KeepAlive: -1}).DialContext(ctx, "tcp", address)
	if err != nil || !announce {
		return conn, err
	}
	if _, err := io.WriteString(conn, header); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// transport of all checks that speak one version of HTTP. Each check has a connection of its own.
func transport(version Version, announce bool) *http.Transport {
	var p http.Protocols
	if version == HTTP1 {
		p.SetHTTP1(true)
	} else {
		p.SetHTTP2(true)
		p.SetUnencryptedHTTP2(true)
	}
	return &http.Transport{
		Protocols: &p, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHead,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dial(ctx, address, announce)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}, // as documented: targets prove nothing
	}
}

// transports by whether they announce themselves.
var transports = map[bool][3]*http.Transport{
	false: {HTTP1: transport(HTTP1, false), HTTP2: transport(HTTP2, false), GRPC: transport(GRPC, false)},
	true:  {HTTP1: transport(HTTP1, true), HTTP2: transport(HTTP2, true), GRPC: transport(GRPC, true)},
}

// probe checks once. The error, if any, is a *failure.
func probe(ctx context.Context, address netip.AddrPort, spec *Spec) error {
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	code, err := ask(ctx, address, spec)
	switch {
	case err != nil && timedOut(ctx, err):
		return &failure{cause: TimedOut, err: err}
	case err != nil:
		return &failure{cause: Failed, err: err}
	case spec.Protocol != TCP && !matches(spec.Matcher, code):
		return &failure{cause: CodeMismatch, code: code}
	}
	return nil
}

func timedOut(ctx context.Context, err error) bool {
	var slow net.Error
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
}

// ask returns the code that the target answered.
func ask(ctx context.Context, address netip.AddrPort, spec *Spec) (int, error) {
	if spec.Protocol == TCP {
		conn, err := dial(ctx, address.String(), spec.Announce)
		if err != nil {
			return 0, err
		}
		return 0, conn.Close()
	}
	req, err := request(ctx, address, spec)
	if err != nil {
		return 0, err
	}
	resp, err := transports[spec.Announce][spec.Version].RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if spec.Version != GRPC {
		return resp.StatusCode, nil
	}
	return grpcStatus(resp)
}

func request(ctx context.Context, address netip.AddrPort, spec *Spec) (*http.Request, error) {
	url := "http://" + address.String() + spec.Path
	if spec.Protocol == HTTPS {
		url = "https://" + address.String() + spec.Path
	}
	method, body := http.MethodGet, io.Reader(nil)
	if spec.Version == GRPC {
		method, body = http.MethodPost, bytes.NewReader(make([]byte, 5)) // one message, which is empty
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", agent)
	if spec.Version == GRPC {
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
	}
	return req, nil
}

// grpcStatus reads the grpc-status, which comes in the head of an answer without a message, else after it.
func grpcStatus(resp *http.Response) (int, error) {
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
		return 0, err
	}
	status := resp.Header.Get("Grpc-Status")
	if status == "" {
		status = resp.Trailer.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		return 0, errors.New("the answer has no grpc-status")
	}
	return code, nil
}
