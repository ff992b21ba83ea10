package proxy

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// echoWebSocket sends each message back.
func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"chat"}}
	c, err := up.Upgrade(w, r, http.Header{"X-Backend": {"here"}})
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, b, err := c.ReadMessage()
		if err != nil {
			return
		}
		if err := c.WriteMessage(kind, b); err != nil {
			return
		}
	}
}

func TestWebSocket(t *testing.T) {
	leaksNothing(t)
	ca := newAuthority(t)
	for _, secure := range []bool{false, true} {
		e := newEngine(t, Options{})
		c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(backend(t, echoWebSocket))})
		scheme := "ws://"
		dialer := websocket.Dialer{Subprotocols: []string{"other", "chat"}, HandshakeTimeout: 10 * time.Second}
		if secure {
			c.Listeners["http"].Protocol = HTTPS
			c.Listeners["http"].Servers[0].Certificates = []*Certificate{ca.issue(t, "front.example")}
			scheme = "wss://"
			dialer.TLSClientConfig = &tls.Config{RootCAs: ca.pool, ServerName: "front.example"}
		}
		ws, response, err := dialer.Dial(scheme+apply(t, e, c)+"/chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("X-Backend") != "here" || ws.Subprotocol() != "chat" {
			t.Errorf("header %v, protocol %q", response.Header, ws.Subprotocol())
		}
		_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		for _, size := range []int{0, 1, 1000, 1 << 20} {
			want := make([]byte, size)
			_, _ = rand.Read(want)
			if err := ws.WriteMessage(websocket.BinaryMessage, want); err != nil {
				t.Fatal(err)
			}
			if _, got, err := ws.ReadMessage(); err != nil || !bytes.Equal(want, got) {
				t.Fatalf("%d bytes: got %d others, %v", size, len(got), err)
			}
		}
		if n := e.Health()["p"][0].InFlight; n != 1 {
			t.Errorf("InFlight: want 1, got %d", n)
		}
		if err := ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		var closed *websocket.CloseError
		if _, _, err := ws.ReadMessage(); !errors.As(err, &closed) || closed.Code != websocket.CloseNormalClosure {
			t.Errorf("want a normal end, got %v", err)
		}
		_ = ws.Close()
		eventually(t, "nothing is in flight", func() bool { return e.Health()["p"][0].InFlight == 0 })
	}
}

// Bytes that a client sends with its request to switch belong to what the connection becomes.
func TestUpgradeKeepsEarlyBytes(t *testing.T) {
	e := newEngine(t, Options{})
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		c, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\nwelcome ")
		_, _ = io.Copy(c, in)
	})
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolOf(back)}))
	c := dialTCP(t, address)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly "); err != nil {
		t.Fatal(err)
	}
	got, err := converse(t, c, "late")
	if err != nil || !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "\r\n\r\nwelcome early late") {
		t.Errorf("got %q, %v", got, err)
	}
}

// Over HTTP/2 there is nothing to switch to.
func TestUpgradeIsNotOfferedOverH2(t *testing.T) {
	e := newEngine(t, Options{})
	pools := map[string]*Pool{"p": poolOf(scripted(t, scriptSwitch))}
	address := apply(t, e, site(t, map[string]Action{"/": to("p")}, pools))
	if got := do(t, client2(t, nil, ""), request(t, "GET", "http://"+address, "")); got.Status != 502 {
		t.Errorf("want 502, got %d", got.Status)
	}
}
