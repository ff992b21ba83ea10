package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// A pool's sessions are those of every rule that has none of its own.
func TestSessionsOfPools(t *testing.T) {
	of, own := &Session{Name: "pool"}, &Session{Name: "own"}
	with, without := namedPool(t, "a1", "a2", "a3"), namedPool(t, "b1", "b2", "b3")
	with.Session = of
	pools := map[string]*Pool{"with": with, "without": without}
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{
		"/only": holding(nil, "with"), "/none": holding(nil, "without"), "/mixed": holding(nil, "with", "without"), "/own": holding(own, "with", "without"),
	}, pools))
	client := client1(t, nil, "")
	at := func(path string, s *Session) *visitor {
		return &visitor{t: t, client: client, url: "http://" + address + path, session: s}
	}
	only := at("/only", of)
	name := only.ask()
	only.stays("the pool's", name)

	overridden := at("/own", own)
	overridden.stays("the rule's own", overridden.ask())
	if r := do(t, client, request(t, "GET", overridden.url, "")); given(r.Header, of) != "" {
		t.Error("want the rule's session in place of the pool's")
	}
	overridden = at("/own", of)
	overridden.token = only.token
	if seen := many(overridden, 12); len(seen) < 2 {
		t.Errorf("want the pool's token to be worth nothing where the rule has sessions of its own, got %v", seen)
	}
	if seen := many(at("/none", of), 12); len(seen) != 3 {
		t.Errorf("want no sessions at a pool without, got %v", seen)
	}
	// Of a mixed rule those stay that came to the pool with sessions.
	mixed := at("/mixed", of)
	for mixed.given == 0 {
		name = mixed.ask()
	}
	mixed.stays("a mixed rule", name)

	// Once no pool has sessions there are none.
	bare := *with
	bare.Session = nil
	apply(t, e, &Config{Listeners: site(t, map[string]Action{"/": holding(nil, "with")}, nil).Listeners, Pools: map[string]*Pool{"with": &bare}})
	at2, _ := e.ListenerAddress("http")
	only.url, only.given = "http://"+at2.String(), 0
	if seen := many(only, 12); len(seen) != 3 || only.given != 0 {
		t.Errorf("want no sessions any more, got %v and %d tokens", seen, only.given)
	}
}

// many says who answers n requests.
func many(v *visitor, n int) map[string]int {
	token, seen := v.token, map[string]int{}
	for range n {
		v.token = token
		seen[v.ask()]++
	}
	return seen
}

func TestSessionsBeginByWeight(t *testing.T) {
	session := &Session{Name: "stay"}
	e := newEngine(t, Options{})
	f := &Forward{Session: session, Backends: []Backend{{Weight: 70, Pool: "p"}, {Weight: 30, Pool: "q"}}}
	address := apply(t, e, site(t, map[string]Action{"/": f}, map[string]*Pool{"p": namedPool(t, "p"), "q": namedPool(t, "q")}))
	v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + address, session: session}
	stay := *v
	held := stay.ask()
	got := map[string]int{}
	for range 500 {
		v.token = ""
		got[v.ask()]++
		if name := stay.ask(); name != held { // Those that stay take nobody's turn.
			t.Fatalf("want %s, got %s", held, name)
		}
	}
	if got["p"] < 345 || got["p"] > 355 {
		t.Errorf("want 350 of 500 sessions at p, got %d", got["p"])
	}
}

// The backend is shown what the client shows, as the Gateway API has it.
func TestTokensArePassedOn(t *testing.T) {
	for _, session := range []*Session{{Name: "stay"}, {Name: "X-Stay", Header: true}} {
		c, _, token := pinned(t, session)
		c.Pools["p"].Endpoints = c.Pools["p"].Endpoints[2:3]
		saw := make(chan http.Header, 1)
		c.Pools["p"].Endpoints[0].Address = netip.MustParseAddrPort(backend(t, func(w http.ResponseWriter, r *http.Request) {
			saw <- r.Header
			w.Header().Set("X-Stay", "echoed")
		}))
		v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + apply(t, newEngine(t, Options{}), c), session: session, token: token}
		v.ask()
		h := <-saw
		if shown := h.Get("Cookie") + h.Get("X-Stay"); !strings.HasSuffix(shown, token) {
			t.Errorf("want %q passed on, got %q", token, shown)
		}
		if v.given != 1 || v.token == "echoed" {
			t.Errorf("want a token, and not what the endpoint says, got %q", v.token)
		}
	}
}

func TestSessionsOfWebSockets(t *testing.T) {
	ca := newAuthority(t)
	session := &Session{Name: "stay"}
	var p Pool
	p.Protocol = PoolHTTP1
	for i := range 4 {
		p.Endpoints = append(p.Endpoints, Endpoint{Address: netip.MustParseAddrPort(backend(t, func(w http.ResponseWriter, r *http.Request) {
			up := websocket.Upgrader{}
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			_ = c.WriteMessage(websocket.TextMessage, []byte(fmt.Sprint("backend ", i)))
			_, _, _ = c.ReadMessage()
		}))})
	}
	e := newEngine(t, Options{})
	c := site(t, map[string]Action{"/": holding(session, "p")}, map[string]*Pool{"p": &p})
	l := c.Listeners["http"]
	l.Protocol, l.Servers[0].Certificates = HTTPS, []*Certificate{ca.issue(t, "a.example")}
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{RootCAs: ca.pool, ServerName: "a.example"}}
	url := "wss://" + apply(t, e, c)
	open := func(token string) (name, got string) {
		h := http.Header{}
		if token != "" {
			h.Set("Cookie", "stay="+token)
		}
		ws, resp, err := dialer.Dial(url, h)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		return string(b), given(resp.Header, session)
	}
	want, token := open("")
	if token == "" {
		t.Fatal("want a token with the handshake's answer")
	}
	for range 8 {
		if got, again := open(token); got != want || again != "" {
			t.Errorf("want %q and no new token, got %q and %q", want, got, again)
		}
	}
}

func TestSessionsOfGRPC(t *testing.T) {
	session := &Session{Name: "x-stay", Header: true}
	p := Pool{Protocol: PoolHTTP2}
	for i := range 4 {
		address, _ := grpcBackend(t, func(method string, stream grpc.ServerStream) error {
			var in []byte
			if err := stream.RecvMsg(&in); err != nil {
				return err
			}
			out := fmt.Append(nil, "backend ", i)
			return stream.SendMsg(&out)
		})
		p.Endpoints = append(p.Endpoints, Endpoint{Address: netip.MustParseAddrPort(address)})
	}
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{"/": holding(session, "p")}, map[string]*Pool{"p": &p}))
	c := grpcClient(t, address, insecure.NewCredentials())
	ask := func(token string) (name string, got []string) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "x-stay", token)
		}
		var head metadata.MD
		name, err := call(ctx, c, "/test.Service/Method", "hello", grpc.Header(&head))
		if err != nil {
			t.Fatal(err)
		}
		return name, head.Get("x-stay")
	}
	want, token := ask("")
	if len(token) != 1 {
		t.Fatalf("want a token in the answer's metadata, got %q", token)
	}
	for range 20 {
		if got, again := ask(token[0]); got != want || len(again) != 0 {
			t.Errorf("want %q and no new token, got %q and %q", want, got, again)
		}
	}
}

// Where a retry finds another endpoint the session goes on there.
func TestSessionsFollowRetries(t *testing.T) {
	session := &Session{Name: "stay"}
	var failing atomic.Int32
	failing.Store(-1)
	var p Pool
	p.Protocol = PoolHTTP1
	for i := range 3 {
		p.Endpoints = append(p.Endpoints, Endpoint{Address: netip.MustParseAddrPort(backend(t, func(w http.ResponseWriter, _ *http.Request) {
			if int(failing.Load()) == i {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = fmt.Fprint(w, i)
		}))})
	}
	f := holding(session, "p")
	f.Retry = &Retry{Codes: []int{503}, Attempts: 2, Backoff: time.Millisecond}
	e := newEngine(t, Options{})
	v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + apply(t, e, site(t, map[string]Action{"/": f}, map[string]*Pool{"p": &p})), session: session}
	name := v.ask()
	v.stays("all is well", name)
	failing.Store(int32(name[0] - '0'))
	v.moves("it fails", name)
	failing.Store(-1)
	v.stays("it is well again", v.ask())
}
