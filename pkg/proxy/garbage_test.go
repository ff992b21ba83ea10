package proxy

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// TestGarbage sends requests with random damage, in random pieces, and cuts some off. Nothing may be left of them, and the next client is served.
func TestGarbage(t *testing.T) {
	quick := 100 * time.Millisecond
	e := newEngine(t, Options{HeadTimeout: quick, IdleTimeout: quick, BodyTimeout: quick, MaxHead: 4 << 10, Logf: t.Logf})
	rules := respond200()
	rules["/up"] = to("p")
	address := apply(t, e, site(t, rules, map[string]*Pool{"p": poolOf(backend(t, echo))}))
	seeds := []string{
		"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello worldHEAD /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET http://a/up/../x?y HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
	}
	dice := rand.New(rand.NewPCG(1, 2))
	done := make(chan struct{})
	const n = 400
	for i := range n {
		b := []byte(seeds[dice.IntN(len(seeds))])
		for range dice.IntN(4) {
			switch at := dice.IntN(len(b)); dice.IntN(4) {
			case 0:
				b[at] = byte(dice.IntN(256))
			case 1:
				b = append(b[:at], b[at+1:]...)
			case 2:
				b = append(b[:at+1], b[at:]...)
			case 3:
				b[at] = "\r\n :;0"[dice.IntN(6)]
			}
		}
		cut, leave := dice.IntN(len(b)), dice.IntN(4) == 0
		go func() {
			defer func() { done <- struct{}{} }()
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = c.Write(b[:cut])
			if leave {
				return
			}
			_, _ = c.Write(b[cut:])
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q: still open", b)
			}
		}()
		if i >= 50 {
			<-done
		}
	}
	for range 50 {
		<-done
	}
	eventually(t, "all connections end", func() bool {
		s := e.Stats()
		return s.Opened == n && s.Closed == n && e.Health()["p"][0].InFlight == 0
	})
	if got := e.Stats().Faults; got != 0 {
		t.Errorf("want no faults, got %d", got)
	}
	if status, _ := get(t, "http://"+address+"/"); status != 200 {
		t.Errorf("want the next client served, got %d", status)
	}
}
