package h1

import (
	"errors"
	"testing"
)

var limits = Limits{MaxLine: 200, MaxFields: 10}

func parse(raw string) (*Request, error) {
	r := &Request{}
	r.Reset()
	return r, r.Parse([]byte(raw), limits)
}

func TestRequestRefused(t *testing.T) {
	long := make([]byte, 250)
	for i := range long {
		long[i] = 'a'
	}
	for _, c := range []struct {
		raw    string
		want   *Error
		reason string
	}{
		{"GET / HTTP/1.1\r\n\r\n", ErrHost, "no Host"},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", ErrHost, "two, even if equal"},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", ErrHost, "empty"},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ErrHost, "a space in it"},
		{"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", ErrHost, "a user"},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ErrHost, "a path"},
		{"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", ErrHost, "no such port"},
		{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", ErrHost, "a port that is no number"},
		{"GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", ErrHost, "an empty label"},
		{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", ErrHost, "an open bracket"},
		{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", ErrField, "white space before the colon"},
		{"GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", ErrFold, "folded"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", ErrLineEnd, "no colon"},
		{"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", ErrField, "no name"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", ErrField, "not a token"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", ErrLineEnd, "bare LF"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", ErrLineEnd, "bare CR"},
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", ErrLineEnd, "bare LF after the first line"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n", ErrField, "NUL"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", ErrField, "DEL"},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ErrLine, "two spaces"},
		{" GET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrLine, "a space before"},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", ErrLine, "a space after"},
		{"GET /\r\nHost: a\r\n\r\n", ErrLine, "no version: HTTP/0.9"},
		{"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", ErrMethod, "a tab"},
		{"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", ErrMethod, "not a token"},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ErrVersion, "another version"},
		{"GET / HTTP/1.2\r\nHost: a\r\n\r\n", ErrVersion, "another version"},
		{"GET / http/1.1\r\nHost: a\r\n\r\n", ErrLine, "its name has a case"},
		{"GET / HTTP/1.10\r\nHost: a\r\n\r\n", ErrLine, "two digits"},
		{"GET a HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "no slash"},
		{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", ErrLine, "a space in the path"},
		{"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "a fragment"},
		{"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "a backslash"},
		{"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "not ASCII"},
		{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "malformed percent-encoding"},
		{"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "cut percent-encoding"},
		{"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "leaves the root"},
		{"GET /a/%2e%2E/../b HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "leaves the root in disguise"},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "only OPTIONS has it"},
		{"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "another scheme"},
		{"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "a user"},
		{"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", ErrTarget, "no host"},
		{"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", ErrConnect, "not a forward proxy"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", ErrLength, "twice, even if equal"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", ErrLength, "a list"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", ErrLength, "a sign"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", ErrLength, "hexadecimal"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", ErrLength, "empty"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n", ErrLength, "overflow"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ErrBothFramings, "both"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", ErrBothFramings, "both"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ErrCoding, "another coding"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ErrCoding, "twice"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", ErrCoding, "another coding"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", ErrField, "a vertical tab"},
		{"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", ErrFraming, "HTTP/1.0 has no chunks"},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", ErrExpect, "unknown expectation"},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", ErrConnection, "not a token"},
		{"GET /" + string(long) + " HTTP/1.1\r\nHost: a\r\n\r\n", ErrTargetLong, "too long"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + string(long) + "\r\n\r\n", ErrHeadLarge, "too long"},
		{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", ErrHeadLarge, "too many"},
	} {
		_, err := parse(c.raw)
		if got := (*Error)(nil); !errors.As(err, &got) || got != c.want {
			t.Errorf("%s: %.80q: want %v, got %v", c.reason, c.raw, c.want, err)
		}
	}
}

func TestRequestParsed(t *testing.T) {
	for _, c := range []struct {
		raw                                        string
		authority, host, port, path, query, reason string
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/", "", "least"},
		{"GET / HTTP/1.1\r\nHost:\t WWW.Example.COM.:8080 \r\n\r\n", "WWW.Example.COM.:8080", "www.example.com", "8080", "/", "", "host normalised"},
		{"GET /a?b?c HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", "[::1]:1", "[::1]", "1", "/a", "b?c", "IPv6"},
		{"GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "b:1", "b", "1", "/x", "y", "absolute form wins"},
		{"GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", "b", "b", "", "/", "", "no path"},
		{"GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "b", "b", "", "/", "q", "no path but a query"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "*", "", "asterisk"},
		{"GET / HTTP/1.0\r\n\r\n", "", "", "", "/", "", "HTTP/1.0 needs no Host"},
		{"GET /a/./b/../c/ HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/a/c/", "", "dot segments"},
		{"GET /a/.. HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/", "", "dot segments at the end"},
		{"GET /a/. HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/a/", "", "dot segment at the end"},
		{"GET /a/%2e%2e/%61dmin HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/admin", "", "needless percent-encodings"},
		{"GET /a%2Fb/%2f..%2f HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/a%2Fb/%2f..%2f", "", "an encoded slash is none"},
		{"GET /a/.../..b/.c HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/a/.../..b/.c", "", "not dot segments"},
		{"GET //a//b HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "//a//b", "", "slashes stay"},
		{"GET /?../%zz HTTP/1.1\r\nHost: a\r\n\r\n", "a", "a", "", "/", "../%zz", "the query is as received"},
	} {
		r, err := parse(c.raw)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		want := [...]string{c.authority, c.host, c.port, c.path, c.query}
		if got := [...]string{r.Authority, r.Host(), r.Port, r.Path(), r.RawQuery}; want != got {
			t.Errorf("%s: want %q, got %q", c.reason, want, got)
		}
	}
}

func TestConnectionOptions(t *testing.T) {
	r, err := parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Secret, close, Host, TE\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\nY: 2\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	want := "GET / HTTP/1.1\r\nHost: a\r\nY: 2\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
	if got := string(r.AppendRequest(nil)); want != got || !r.Close {
		t.Errorf("want close and\n%s\ngot %v and\n%s", want, r.Close, got)
	}
}

func TestUpgrade(t *testing.T) {
	for _, c := range []struct{ raw, want, reason string }{
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", "websocket", "asked for"},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "", "not named by Connection"},
		{"GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "", "HTTP/1.0 has none"},
		{"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\n", "", "with a body it is not understood the same everywhere"},
	} {
		r, err := parse(c.raw)
		if err != nil || r.Upgrade != c.want {
			t.Errorf("%s: want %q, got %q, %v", c.reason, c.want, r.Upgrade, err)
		}
	}
}

func TestQuery(t *testing.T) {
	r := &Request{RawQuery: "a=1&b=x%20y+z&a=2&c&%64=4&e=%zz&=f"}
	for _, c := range []struct {
		name, want string
		found      bool
	}{{"a", "1", true}, {"b", "x y z", true}, {"c", "", true}, {"d", "4", true}, {"e", "", false}, {"x", "", false}} {
		if got, found := r.Query(c.name); got != c.want || found != c.found {
			t.Errorf("%s: want %q, %v; got %q, %v", c.name, c.want, c.found, got, found)
		}
	}
}

func TestValueEnd(t *testing.T) {
	// Every byte at every place of a word, among bytes that could borrow from or for it.
	for _, around := range []byte{'a', ' ', '\t', 0x80, 0xff, '~', '!'} {
		for c := range 256 {
			for at := range 20 {
				b := make([]byte, 20)
				for i := range b {
					b[i] = around
				}
				b[at] = byte(c)
				want := len(b)
				if !valueByte[c] {
					want = at
				}
				if got := valueEnd(string(b), 0); got != want {
					t.Fatalf("%q: want %d, got %d", b, want, got)
				}
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := []byte("GET /get?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n" +
		"Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n" +
		"Authorization: Bearer 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n\r\n")
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if err := r.Parse(raw, Limits{MaxLine: 1 << 14, MaxFields: 100}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestUpgradeIsNotToHTTP2(t *testing.T) {
	for upgrade, want := range map[string]string{
		"websocket": "websocket", "x/1, y": "x/1, y",
		"h2c": "", "H2C": "", "websocket, h2c": "", "websocket,h2c ;x": "",
	} {
		r, err := parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, http2-settings\r\nUpgrade: " + upgrade + "\r\nHTTP2-Settings: x\r\n\r\n")
		if err != nil || r.Upgrade != want {
			t.Errorf("%q: want %q, got %q, %v", upgrade, want, r.Upgrade, err)
		}
	}
}
