package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
)

// checkup checks an endpoint in another way than its pool speaks.
type checkup struct {
	endpoint *endpoint
	cfg      HealthCheck
	protocol CheckProtocol // not CheckAsPool
	address  netip.AddrPort
	tls      *tls.Config // nil without TLS
	codes    codeRanges
	wrong    error // why the check cannot be made
	announce bool
}

// newCheckup returns nil where the endpoint is checked as its pool speaks.
func newCheckup(key checkKey, ep *endpoint) *checkup {
	h := key.HealthCheck
	if h.Port == 0 && h.Protocol == CheckAsPool && h.Codes == "" && h.Host == "" && h.UserAgent == "" && !key.announces {
		return nil
	}
	c := &checkup{endpoint: ep, cfg: h, address: ep.address(), protocol: h.Protocol, tls: ep.tls, announce: key.announces}
	if h.Port != 0 {
		c.address = netip.AddrPortFrom(c.address.Addr(), h.Port)
	}
	switch c.protocol {
	case CheckAsPool:
		c.protocol = ep.checkProtocol(h.Path)
	case CheckTCP, CheckHTTP:
		c.tls = nil
	case CheckHTTPS:
		if c.tls == nil {
			c.tls = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
		}
	case CheckHTTP2, CheckGRPC:
	}
	if c.tls != nil && (c.protocol == CheckHTTP2 || c.protocol == CheckGRPC) {
		c.tls = c.tls.Clone()
		c.tls.NextProtos = []string{http2.NextProtoTLS}
	}
	codes := h.Codes
	switch {
	case codes != "":
	case c.protocol == CheckGRPC:
		codes = "12"
	default:
		codes = "200-399"
	}
	c.codes, c.wrong = parseCodes(codes)
	if strings.ContainsAny(h.Path+h.Host+h.UserAgent, "\r\n ") && c.wrong == nil {
		c.wrong = errors.New("the check cannot be written as a request")
	}
	return c
}

// checkProtocol is how the pool's endpoints are checked where nothing else is said.
func (e *endpoint) checkProtocol(path string) CheckProtocol {
	switch {
	case path == "":
		return CheckTCP
	case e.key.protocol == PoolHTTP2:
		return CheckHTTP2
	}
	return CheckHTTP
}

// once checks once.
func (c *checkup) once(ctx context.Context) error {
	switch {
	case c.wrong != nil:
		return c.wrong
	case c.endpoint.broken != nil && c.tls != nil:
		return c.endpoint.broken
	}
	raw, err := dial(ctx, c.address, netip.Addr{})
	if err != nil {
		return plain(err)
	}
	defer raw.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(deadline); err != nil {
			return plain(err)
		}
	}
	if c.announce {
		if _, err := raw.Write(proxyHeader(nil)); err != nil {
			return plain(err)
		}
	}
	up, err := secure(ctx, raw, c.tls)
	if err != nil {
		return plain(err)
	}
	var status int
	switch c.protocol {
	case CheckTCP, CheckAsPool:
		return nil
	case CheckHTTP, CheckHTTPS:
		status, err = probeGet(up.wire, c.host(), c.cfg.Path, c.agent())
	case CheckHTTP2, CheckGRPC:
		status, err = c.stream(ctx, up)
	}
	if err != nil {
		return err
	}
	if !c.codes.has(status) {
		return &statusError{c.cfg.Path, status}
	}
	return nil
}

// stream sends a request with HTTP/2 and returns the status of the response, or the code of gRPC.
func (c *checkup) stream(ctx context.Context, up upstreamConn) (int, error) {
	conn, ok := up.wire.(net.Conn)
	if !ok {
		return 0, fmt.Errorf("HTTP/2 over %T", up.wire)
	}
	library := &http2.Transport{DisableCompression: true, AllowHTTP: true}
	cc, err := library.NewClientConn(conn)
	if err != nil {
		return 0, plain(err)
	}
	defer func() { _ = cc.Close() }() // Nothing else is sent on it.
	r, err := c.request(ctx)
	if err != nil {
		return 0, err
	}
	resp, err := cc.RoundTrip(r)
	if err != nil {
		return 0, plain(err)
	}
	defer resp.Body.Close()
	if c.protocol == CheckHTTP2 {
		return resp.StatusCode, nil
	}
	return grpcCode(resp)
}

func (c *checkup) request(ctx context.Context) (*http.Request, error) {
	scheme := "http"
	if c.tls != nil {
		scheme = "https"
	}
	method, body := http.MethodGet, []byte(nil)
	if c.protocol == CheckGRPC {
		method, body = http.MethodPost, make([]byte, 5) // A message without a byte, not compressed.
	}
	r, err := http.NewRequestWithContext(ctx, method, scheme+"://"+c.host()+c.cfg.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", c.agent())
	if c.protocol == CheckGRPC {
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("TE", "trailers")
	}
	return r, nil
}

// maxCheckBody is how much of an answer is read for the code at its end.
const maxCheckBody = 64 << 10

// grpcCode is how a call ended.
func grpcCode(resp *http.Response) (int, error) {
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the call was answered with %d", resp.StatusCode)
	}
	text := resp.Header.Get("Grpc-Status")
	if text == "" {
		for n, buf := 0, make([]byte, 4<<10); n < maxCheckBody; {
			got, err := resp.Body.Read(buf)
			if n += got; err != nil {
				break // The trailers are there where it ended in order.
			}
		}
		text = resp.Trailer.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New("the call did not end with a status of gRPC")
	}
	return code, nil
}

func (c *checkup) host() string {
	switch {
	case c.cfg.Host != "":
		return c.cfg.Host
	case c.tls != nil && c.tls.ServerName != "":
		return c.tls.ServerName
	}
	return c.address.String()
}

func (c *checkup) agent() string {
	if c.cfg.UserAgent != "" {
		return c.cfg.UserAgent
	}
	return healthAgent
}

// codeRanges are codes, as HealthCheck.Codes says them.
type codeRanges [][2]int

func (r codeRanges) has(code int) bool {
	for _, one := range r {
		if one[0] <= code && code <= one[1] {
			return true
		}
	}
	return false
}

func parseCodes(s string) (codeRanges, error) {
	var ranges codeRanges
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		low, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("%q is no code", from)
		}
		high, err := strconv.Atoi(to)
		if err != nil {
			return nil, fmt.Errorf("%q is no code", to)
		}
		ranges = append(ranges, [2]int{low, high})
	}
	return ranges, nil
}
