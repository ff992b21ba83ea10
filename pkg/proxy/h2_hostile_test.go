package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a client of HTTP/2 that sends what it is told to.
type frames struct {
	*http2.Framer
	t    testing.TB
	conn net.Conn
	head bytes.Buffer
	enc  *hpack.Encoder
}

func newFrames(t testing.TB, address string) *frames {
	t.Helper()
	c := dialRaw(t, address)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := &frames{Framer: http2.NewFramer(c, c), t: t, conn: c}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.AllowIllegalWrites = true
	f.enc = hpack.NewEncoder(&f.head)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// open sends the head of a request. fields are names and values in turn.
func (f *frames) open(id uint32, end bool, fields ...string) error {
	f.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		if err := f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			f.t.Fatal(err)
		}
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head.Bytes(), EndHeaders: true, EndStream: end})
}

// outcome reads until stream id has its status, is reset, or the connection ends.
func (f *frames) outcome(id uint32) string {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == id {
				return frame.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == id {
				return frame.ErrCode.String()
			}
		case *http2.GoAwayFrame:
			return "GOAWAY " + frame.ErrCode.String()
		}
	}
}

var plainHead = []string{":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/"}

// What must not be written as HTTP/1.1 does not get to an endpoint.
func TestH2RefusesWhatCouldSmuggle(t *testing.T) {
	many := append([]string(nil), plainHead...)
	for range 30 {
		many = append(many, "x-a", "1")
	}
	kib2 := strings.Repeat("a", 2<<10)
	with := func(fields ...string) []string { return append(append([]string(nil), plainHead...), fields...) }
	for _, test := range []struct {
		reason string
		head   []string
		body   string // sent as DATA with END_STREAM when not "-"
		want   string
	}{
		{"this one is well-formed", with("x-a", "1"), "-", "200"},
		{"and with a body", with("content-length", "3"), "abc", "200"},
		{"line feed in a value", with("x-a", "1\nx-b: 2"), "-", "PROTOCOL_ERROR"},
		{"carriage return in a value", with("x-a", "1\rx"), "-", "PROTOCOL_ERROR"},
		{"NUL in a value", with("x-a", "1\x00"), "-", "PROTOCOL_ERROR"},
		{"line feed in a name", with("x-a\nx-b", "1"), "-", "PROTOCOL_ERROR"},
		{"space in a name", with("x a", "1"), "-", "PROTOCOL_ERROR"},
		{"colon in a name", with("x:a", "1"), "-", "PROTOCOL_ERROR"},
		{"upper case name", with("X-A", "1"), "-", "PROTOCOL_ERROR"},
		{"connection", with("connection", "close"), "-", "400"},
		{"transfer-encoding", with("transfer-encoding", "chunked"), "-", "400"},
		{"upgrade", with("upgrade", "websocket"), "-", "400"},
		{"keep-alive", with("keep-alive", "1"), "-", "400"},
		{"proxy-connection", with("proxy-connection", "close"), "-", "400"},
		{"te other than trailers", with("te", "gzip"), "-", "400"},
		{"expect other than 100-continue", with("expect", "x"), "-", "417"},
		{"host against authority", with("host", "b.example"), "-", "PROTOCOL_ERROR"},
		{"two hosts", with("host", "a.example", "host", "a.example"), "-", "PROTOCOL_ERROR"},
		{"no authority", []string{":method", "GET", ":scheme", "http", ":path", "/"}, "-", "400"},
		{"user in authority", []string{":method", "GET", ":scheme", "http", ":authority", "u@a.example", ":path", "/"}, "-", "PROTOCOL_ERROR"},
		{"slash in authority", []string{":method", "GET", ":scheme", "http", ":authority", "a.example/x", ":path", "/"}, "-", "PROTOCOL_ERROR"},
		{"space in path", []string{":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/ HTTP/1.1"}, "-", "400"},
		{"line feed in path", []string{":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/\r\nX: y"}, "-", "PROTOCOL_ERROR"},
		{"relative path", []string{":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "x"}, "-", "PROTOCOL_ERROR"},
		{"a path that leaves the root", []string{":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/../x"}, "-", "400"},
		{"space in method", []string{":method", "GET / HTTP/1.1", ":scheme", "http", ":authority", "a.example", ":path", "/"}, "-", "400"},
		{"CONNECT", []string{":method", "CONNECT", ":authority", "a.example:80"}, "-", "501"},
		{"two methods", append([]string{":method", "POST"}, plainHead...), "-", "PROTOCOL_ERROR"},
		{"unknown pseudo field", append([]string{":x", "y"}, plainHead...), "-", "PROTOCOL_ERROR"},
		{"pseudo field after others", with("x-a", "1", ":path", "/x"), "-", "PROTOCOL_ERROR"},
		{"two lengths", with("content-length", "3", "content-length", "3"), "abc", "400"},
		{"length with a sign", with("content-length", "+3"), "abc", "400 or PROTOCOL_ERROR"},
		{"length that is none", with("content-length", "x"), "abc", "400 or PROTOCOL_ERROR"},
		{"length without a body", with("content-length", "3"), "-", "400"},
		{"body longer than its length", with("content-length", "2"), "abc", "PROTOCOL_ERROR"},
		{"body shorter than its length", with("content-length", "4"), "abc", "400"},
		{"too many fields", many, "-", "431"},
		{"fields too large", with("x-a", kib2, "x-a", kib2, "x-a", kib2, "x-a", kib2, "x-a", kib2), "-", "431"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			// Of its own: an endpoint may get the head of a request that was refused for its body late.
			var reached atomic.Int64
			back := backend(t, func(w http.ResponseWriter, r *http.Request) { reached.Add(1) })
			e := newEngine(t, Options{MaxHead: 8 << 10, MaxFields: 20})
			address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)}))
			f := newFrames(t, address)
			f.MaxHeaderListSize = 1 << 20
			var err error
			if f.head.Reset(); len(test.head) > 0 {
				err = f.openLarge(1, test.body == "-", test.head...)
			}
			if err == nil && test.body != "-" {
				err = f.WriteData(1, true, []byte(test.body))
			}
			if err != nil {
				t.Fatal(err)
			}
			got := f.outcome(1)
			if !slices.Contains(strings.Split(test.want, " or "), got) {
				t.Errorf("want %s, got %s", test.want, got)
			}
			if test.want == "200" {
				return
			}
			// The connection is as good as before, where the fault was in one stream.
			if err := f.open(3, true, plainHead...); err != nil {
				t.Fatal(err)
			}
			if got := f.outcome(3); got != "200" {
				t.Errorf("the next stream: want 200, got %s", got)
			}
			if test.reason != "body shorter than its length" && test.reason != "body longer than its length" && reached.Load() != 1 {
				t.Error("it reached the endpoint")
			}
		})
	}
}

// openLarge sends a head in as many frames as it takes.
func (f *frames) openLarge(id uint32, end bool, fields ...string) error {
	for i := 0; i < len(fields); i += 2 {
		if err := f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			return err
		}
	}
	block := f.head.Bytes()
	n := min(len(block), 16<<10)
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:n], EndHeaders: n == len(block), EndStream: end})
	for block = block[n:]; err == nil && len(block) > 0; block = block[n:] {
		n = min(len(block), 16<<10)
		err = f.WriteContinuation(id, n == len(block), block[:n])
	}
	return err
}

func TestH2FloodsEndTheConnection(t *testing.T) {
	leaksNothing(t)
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-r.Context().Done()
		}
	})
	for _, test := range []struct {
		reason string
		flood  func(f *frames, n uint32) error
	}{
		{"streams that are reset at once", func(f *frames, n uint32) error {
			if err := f.open(2*n+1, true, plainHead...); err != nil {
				return err
			}
			return f.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}},
		{"pings", func(f *frames, n uint32) error { return f.WritePing(false, [8]byte{byte(n)}) }},
		{"settings", func(f *frames, n uint32) error { return f.WriteSettings() }},
		{"priorities", func(f *frames, n uint32) error {
			return f.WritePriority(2*n+1, http2.PriorityParam{StreamDep: 0, Weight: 1})
		}},
		{"empty data", func(f *frames, n uint32) error {
			if n == 0 {
				if err := f.open(1, false, plainHead...); err != nil {
					return err
				}
			}
			return f.WriteData(1, false, nil)
		}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			e := newEngine(t, Options{MaxResetRate: 50})
			address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)}))
			f := newFrames(t, address)
			ended := make(chan string, 1)
			go func() { ended <- f.outcome(1 << 30) }()
			var err error
			for n := uint32(0); err == nil && n < 5000; n++ {
				err = test.flood(f, n) // The kernel may take it all, also when nobody reads it any more.
			}
			if got := <-ended; got != "GOAWAY ENHANCE_YOUR_CALM" && got != "closed" {
				t.Errorf("want GOAWAY or the end, got %s", got)
			}
			eventually(t, "the connection is over", func() bool { s := e.Stats(); return s.Opened == s.Closed })
			if got := e.Connections().Flooded; got != 1 {
				t.Errorf("Flooded: want 1, got %d", got)
			}
		})
	}
}

// What is within the limits is no flood: a client may give up on streams.
func TestH2SomeResetsAreFine(t *testing.T) {
	e := newEngine(t, Options{})
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
		}
	})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)}))
	f := newFrames(t, address)
	for n := uint32(0); n < 50; n++ {
		if err := f.open(2*n+1, true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/hang"); err != nil {
			t.Fatal(err)
		}
		if err := f.WriteRSTStream(2*n+1, http2.ErrCodeCancel); err != nil {
			t.Fatal(err)
		}
		if err := f.WritePing(false, [8]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.open(201, true, plainHead...); err != nil {
		t.Fatal(err)
	}
	if got := f.outcome(201); got != "200" {
		t.Errorf("want 200, got %s", got)
	}
	eventually(t, "nothing is in flight", func() bool { return e.Health()["p"][0].InFlight == 0 })
}

func TestH2Limits(t *testing.T) {
	e := newEngine(t, Options{MaxStreams: 7, IdleTimeout: 400 * time.Millisecond})
	address := apply(t, e, site(t, map[string]Action{"/": &Respond{Status: 200}}, nil))
	f := newFrames(t, address)
	got := map[http2.SettingID]uint32{}
	for len(got) == 0 {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := frame.(*http2.SettingsFrame); ok && !s.IsAck() {
			_ = s.ForeachSetting(func(s http2.Setting) error {
				got[s.ID] = s.Val
				return nil
			})
		}
	}
	if got[http2.SettingMaxConcurrentStreams] != 7 || got[http2.SettingMaxHeaderListSize] == 0 || got[http2.SettingMaxFrameSize] != 16<<10 {
		t.Errorf("settings: %v", got)
	}
	if got := f.outcome(1); got != "GOAWAY NO_ERROR" {
		t.Errorf("an idle connection: want GOAWAY NO_ERROR, got %s", got)
	}
}

// A stream whose client sends its body too slowly, or takes its response too slowly, is ended; the connection is not.
func TestH2SlowStreams(t *testing.T) {
	leaksNothing(t)
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" && r.URL.Path == "/large" {
			_, _ = w.Write(make([]byte, 8<<20))
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	e := newEngine(t, Options{BodyTimeout: 400 * time.Millisecond, BodyRate: 1 << 20, WriteTimeout: 400 * time.Millisecond})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)}))
	f := newFrames(t, address)
	if err := f.open(1, false, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/"); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteData(1, false, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if got := f.outcome(1); got != "408" {
		t.Errorf("a slow body: want 408, got %s", got)
	}
	if err := f.open(3, true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/large"); err != nil {
		t.Fatal(err)
	}
	if got := f.outcome(3); got != "200" {
		t.Fatalf("want 200, got %s", got)
	}
	for over := false; !over; { // No window is given back.
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		_, over = frame.(*http2.RSTStreamFrame)
	}
	if err := f.open(5, true, plainHead...); err != nil {
		t.Fatal(err)
	}
	if got := f.outcome(5); got != "200" {
		t.Errorf("another stream: want 200, got %s", got)
	}
	eventually(t, "nothing is in flight", func() bool { return e.Health()["p"][0].InFlight == 0 })
}
