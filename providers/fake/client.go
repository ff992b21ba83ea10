package fake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	callTimeout   = 30 * time.Second
	largestAnswer = 64 << 20
	largestError  = 1 << 20
	pageSize      = 500
	pagesOfPools  = 100 // pools are listed with their members
)

// client makes calls. It is safe for concurrent use and reuses connections.
type client struct {
	base  string // without a slash at its end
	token string
	http  *http.Client
}

func newClient(endpoint, token string) (*client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the endpoint of the fake cloud has to be like http://host:port")
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &client{
		base:  strings.TrimRight(endpoint, "/"),
		token: token,
		http: &http.Client{
			Timeout: callTimeout,
			Transport: &http.Transport{
				Proxy:                  http.ProxyFromEnvironment,
				DialContext:            dialer.DialContext,
				TLSHandshakeTimeout:    5 * time.Second,
				ResponseHeaderTimeout:  callTimeout,
				MaxIdleConnsPerHost:    32,
				MaxConnsPerHost:        64,
				IdleConnTimeout:        90 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
			},
			// A redirect would carry the token to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// call is one request.
type call struct {
	op      string // the cloud's name of it
	method  string
	path    string
	query   url.Values
	ifMatch string
	body    any // nil for none
}

// do performs c and decodes its answer into out, unless that is nil. Its error is a *cloud.Error without a Node.
func (cl *client) do(ctx context.Context, c call, out any) error {
	req, err := cl.request(ctx, c)
	if err != nil {
		return invalidRequest(c.op, err)
	}
	resp, err := cl.http.Do(req)
	if err != nil {
		return noAnswer(ctx, c.op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, err := readAll(resp.Body, largestError)
		if err != nil {
			body = nil // the status says enough
		}
		return refused(c.op, resp, body)
	}
	body, err := readAll(resp.Body, largestAnswer)
	if err != nil {
		return noAnswer(ctx, c.op, err)
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return badAnswer(c.op, err)
	}
	return nil
}

func (cl *client) request(ctx context.Context, c call) (*http.Request, error) {
	var body io.Reader
	if c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	target := cl.base + c.path
	if len(c.query) > 0 {
		target += "?" + c.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, c.method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "cloudgate")
	if c.body != nil {
		req.Header.Set("Content-Type", contentType(c.method))
	}
	if c.ifMatch != "" {
		req.Header.Set("If-Match", c.ifMatch)
	}
	if cl.token != "" {
		req.Header.Set("Authorization", "Bearer "+cl.token)
	}
	return req, nil
}

func contentType(method string) string {
	if method == http.MethodPatch {
		return "application/merge-patch+json"
	}
	return "application/json"
}

// errTooLarge is an answer that nobody should send.
var errTooLarge = errors.New("the answer is too large")

func readAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, errTooLarge
	}
	return body, err
}

// list returns all pages of a flat list.
func list[T any](ctx context.Context, cl *client, op, path string, query url.Values) ([]T, error) {
	var items []T
	seen := make(map[string]bool)
	for token := ""; ; {
		if token != "" {
			query.Set("pageToken", token)
		}
		var p page[T]
		if err := cl.do(ctx, call{op: op, method: http.MethodGet, path: path, query: query}, &p); err != nil {
			return nil, err
		}
		items = append(items, p.Items...)
		if p.NextPageToken == "" {
			return items, nil
		}
		// A cloud that gives a token twice would keep us for ever.
		if seen[p.NextPageToken] {
			return nil, badAnswer(op, fmt.Errorf("the same page token came twice"))
		}
		seen[p.NextPageToken] = true
		token = p.NextPageToken
	}
}
