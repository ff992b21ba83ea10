//go:build linux

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// start runs a loop and returns its address for kind.
func start(t *testing.T, k kind) string {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	address, err := l.listen(k)
	if err != nil {
		t.Fatal(err)
	}
	go l.run() //nolint:errcheck // it runs as long as the test binary
	return address.String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// TestAnswers sends requests in one piece, in single bytes, and many at once, on one connection.
func TestAnswers(t *testing.T) {
	conn := dial(t, start(t, web))
	reader := bufio.NewReader(conn)
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	for _, test := range []struct {
		reason string
		pieces []string
		sizes  []int
	}{
		{"one piece", []string{get("/")}, []int{1 << 10}},
		{"a large response", []string{get("/64k")}, []int{64 << 10}},
		{"single bytes", strings.Split(get("/64k"), ""), []int{64 << 10}},
		{"many at once, more than the socket takes", []string{strings.Repeat(get("/64k"), 200) + get("/")[:20], get("/")[20:]},
			append(repeat(64<<10, 200), 1<<10)},
	} {
		go func() {
			for _, piece := range test.pieces {
				if _, err := conn.Write([]byte(piece)); err != nil {
					t.Errorf("%s: %v", test.reason, err)
				}
			}
		}()
		for i, want := range test.sizes {
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("%s: response %d: %v", test.reason, i, err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != 200 || len(body) != want {
				t.Fatalf("%s: response %d: want 200 with %d bytes, got %s with %d and %v", test.reason, i, want, response.Status, len(body), err)
			}
		}
	}
}

func repeat(v, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func TestEchoes(t *testing.T) {
	conn := dial(t, start(t, echo))
	want := strings.Repeat("0123456789abcdef", 1<<16)
	go io.WriteString(conn, want) //nolint:errcheck // what does not arrive is missed below
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("what came back differs from what was sent")
	}
}

func TestFloods(t *testing.T) {
	l, err := listenFlood()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serveFlood(l)
	const want = 4 << 20
	if got, err := io.CopyN(io.Discard, dial(t, l.Addr().String()), want); got != want {
		t.Errorf("want %d bytes, got %d: %v", want, got, err)
	}
}
