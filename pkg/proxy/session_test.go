package proxy

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var sessionKey = []byte("a key that outlives processes")

// holding is a Forward with sessions to pools, all with the same weight.
func holding(s *Session, pools ...string) *Forward {
	f := &Forward{Session: s}
	for _, p := range pools {
		f.Backends = append(f.Backends, Backend{Weight: 1, Pool: p})
	}
	return f
}

// namedPool is a pool of backends that answer their names.
func namedPool(t testing.TB, names ...string) *Pool {
	t.Helper()
	var addresses []string
	for _, name := range names {
		addresses = append(addresses, namedBackend(t, name))
	}
	return poolOf(addresses...)
}

// visitor is a client that shows what it was given, unless it was given nothing.
type visitor struct {
	t       testing.TB
	client  *http.Client
	url     string
	session *Session
	token   string // as shown
	given   int    // times
}

// ask makes a request and returns who answered it.
func (v *visitor) ask() string {
	v.t.Helper()
	r := request(v.t, "GET", v.url, "")
	if v.token != "" {
		if v.session.Header {
			r.Header.Set(v.session.Name, v.token)
		} else {
			r.Header.Set("Cookie", v.session.Name+"="+v.token)
		}
	}
	got := do(v.t, v.client, r)
	if got.Status != 200 {
		v.t.Errorf("want 200, got %d %q", got.Status, got.Body)
	}
	if token := given(got.Header, v.session); token != "" {
		v.token = token
		v.given++
	}
	return got.Body
}

// given is the token in an answer; "" when there is none.
func given(h http.Header, s *Session) string {
	if s.Header {
		return h.Get(s.Name)
	}
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		if cookie.Name == s.Name {
			return cookie.Value
		}
	}
	return ""
}

// stays checks that all of a visitor's requests are answered by name, and that it is given nothing for them.
func (v *visitor) stays(reason, name string) {
	v.t.Helper()
	before := v.given
	for range 10 {
		if got := v.ask(); got != name {
			v.t.Errorf("%s: want %s, got %s", reason, name, got)
			return
		}
	}
	if v.given != before {
		v.t.Errorf("%s: want no new token", reason)
	}
}

// moves checks that a visitor is answered by another, and stays there.
func (v *visitor) moves(reason, from string) string {
	v.t.Helper()
	before := v.given
	name := v.ask()
	if name == from || v.given != before+1 {
		v.t.Errorf("%s: want another than %s and a new token, got %s and %d", reason, from, name, v.given-before)
	}
	v.stays(reason, name)
	return name
}

func TestSessionsStay(t *testing.T) {
	ca := newAuthority(t)
	for _, session := range []*Session{
		{Name: "stay"},
		{Name: "stay", Permanent: true, Lifetime: 1500 * time.Second, Path: "/app"},
		{Name: "X-Stay", Header: true},
		{Name: "X-Stay", Header: true, Lifetime: time.Hour, Permanent: true},
	} {
		e := newEngine(t, Options{})
		web := site(t, map[string]Action{"/": holding(session, "p", "q")}, map[string]*Pool{"p": namedPool(t, "a", "b"), "q": namedPool(t, "c", "d")})
		secure := *web.Listeners["http"]
		secure.Protocol = HTTPS
		secure.Servers = []Server{{Rules: secure.Servers[0].Rules, Certificates: []*Certificate{ca.issue(t, "a.example")}}}
		web.Listeners["https"] = &secure
		plain := "http://" + apply(t, e, web) + "/app"
		at, _ := e.ListenerAddress("https")
		for _, test := range []struct {
			client *http.Client
			url    string
		}{
			{client1(t, nil, ""), plain}, {client2(t, nil, ""), plain},
			{client1(t, ca, "a.example"), "https://" + at.String() + "/app"}, {client2(t, ca, "a.example"), "https://" + at.String() + "/app"},
		} {
			seen := map[string]bool{}
			for range 8 {
				v := &visitor{t: t, client: test.client, url: test.url, session: session}
				name := v.ask()
				if v.given != 1 {
					t.Fatalf("%s %+v: want a token with the first answer", test.url, session)
				}
				v.stays(fmt.Sprintf("%s %+v", test.url, session), name)
				seen[name] = true
			}
			if len(seen) != 4 {
				t.Errorf("%+v: want those without a token spread over all, got %v", session, seen)
			}
		}
	}
}

func TestSessionCookieAttributes(t *testing.T) {
	ca := newAuthority(t)
	for _, test := range []struct {
		session Session
		secure  bool
		want    string
	}{
		{Session{Name: "s"}, false, "; Path=/; HttpOnly; SameSite=Lax"},
		{Session{Name: "s", Lifetime: time.Hour}, false, "; Path=/; HttpOnly; SameSite=Lax"},
		{Session{Name: "s", Lifetime: time.Hour, Permanent: true}, false, "; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"},
		{Session{Name: "s", Lifetime: 1500 * time.Millisecond, Permanent: true, Path: "/a/b"}, true, "; Path=/a/b; HttpOnly; SameSite=Lax; Max-Age=2; Secure"},
	} {
		e := newEngine(t, Options{})
		// An edit of answers is for what endpoints say.
		f := holding(&test.session, "p")
		f.ResponseHeaders = HeaderEdit{Remove: []string{"Set-Cookie"}}
		c := site(t, map[string]Action{"/": f}, map[string]*Pool{"p": poolOf(backend(t, func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "own", Value: "1"})
		}))})
		client, scheme := client1(t, nil, ""), "http://"
		if test.secure {
			l := c.Listeners["http"]
			l.Protocol, l.Servers[0].Certificates = HTTPS, []*Certificate{ca.issue(t, "a.example")}
			client, scheme = client1(t, ca, "a.example"), "https://"
		}
		got := do(t, client, request(t, "GET", scheme+apply(t, e, c), ""))
		cookies := got.Header.Values("Set-Cookie")
		if len(cookies) != 1 {
			t.Fatalf("want one cookie, got %q", cookies)
		}
		pair, attributes, _ := strings.Cut(cookies[0], ";")
		if diff := cmp.Diff(test.want, ";"+attributes); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.session, diff)
		}
		token, ok := strings.CutPrefix(pair, "s=")
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if !ok || err != nil || len(token) > 80 {
			t.Errorf("want a short token, got %q, %v", pair, err)
		}
		if address := c.Pools["p"].Endpoints[0].Address; strings.Contains(string(raw), string(address.Addr().AsSlice())) {
			t.Error("the token shows the endpoint's address")
		}
	}
}

// edited is c with other rules and pools.
func edited(t testing.TB, c *Config, action Action, pools map[string]*Pool) *Config {
	t.Helper()
	l := *c.Listeners["http"]
	l.Servers = []Server{{Rules: table(t, map[string]Action{"/": action})}}
	return &Config{Listeners: map[string]*Listener{"http": &l}, Pools: pools, SessionKey: c.SessionKey}
}

func TestSessionsFollowTheConfiguration(t *testing.T) {
	for _, session := range []*Session{{Name: "stay"}, {Name: "x-stay", Header: true}} {
		e := newEngine(t, Options{})
		old, canary := namedPool(t, "old1", "old2"), namedPool(t, "new1", "new2", "new3")
		pools := map[string]*Pool{"old": old, "new": canary}
		c := site(t, map[string]Action{"/": &Forward{Session: session, Backends: []Backend{{Weight: 0, Pool: "old"}, {Weight: 1, Pool: "new"}}}}, pools)
		v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + apply(t, e, c), session: session}
		name := v.ask()

		weights := func(o, n uint32) *Forward {
			return &Forward{Session: session, Backends: []Backend{{Weight: o, Pool: "old"}, {Weight: n, Pool: "new"}}}
		}
		apply(t, e, edited(t, c, weights(1, 0), pools))
		v.stays("without weight", name)
		if fresh := (&visitor{t: t, client: v.client, url: v.url, session: session}).ask(); !strings.HasPrefix(fresh, "old") {
			t.Errorf("want nobody new sent to what has no weight, got %s", fresh)
		}
		apply(t, e, edited(t, c, weights(0, 0), pools))
		v.stays("nothing has weight", name)

		// The pool's name is another, but the endpoint is the same.
		apply(t, e, edited(t, c, holding(session, "old", "renamed"), map[string]*Pool{"old": old, "renamed": canary}))
		v.stays("renamed", name)

		more := *canary
		more.Endpoints = append([]Endpoint{{Address: netip.MustParseAddrPort(namedBackend(t, "new4"))}}, canary.Endpoints...)
		pools = map[string]*Pool{"old": old, "new": &more}
		apply(t, e, edited(t, c, weights(0, 1), pools))
		v.stays("one more", name)

		var index int
		_, _ = fmt.Sscanf(name, "new%d", &index)
		without := func(change func(*Endpoint) bool) *Pool {
			p := &Pool{Protocol: PoolHTTP1}
			for _, ep := range more.Endpoints {
				if ep.Address != canary.Endpoints[index-1].Address || change(&ep) {
					p.Endpoints = append(p.Endpoints, ep)
				}
			}
			return p
		}
		drained := without(func(ep *Endpoint) bool { ep.Draining = true; return true })
		apply(t, e, edited(t, c, weights(0, 1), map[string]*Pool{"old": old, "new": drained}))
		shown := v.token
		v.moves("draining", name)

		v.token = shown
		gone := without(func(*Endpoint) bool { return false })
		apply(t, e, edited(t, c, weights(0, 1), map[string]*Pool{"old": old, "new": gone}))
		v.moves("gone", name)

		v.token = shown
		apply(t, e, edited(t, c, holding(session, "old"), pools))
		if got := v.moves("the backend is gone", name); !strings.HasPrefix(got, "old") {
			t.Errorf("want one of old, got %s", got)
		}
	}
}

func TestSessionsMoveFromWhereNothingIs(t *testing.T) {
	session := &Session{Name: "stay"}
	for _, checked := range []bool{false, true} {
		a, b := &switchable{t: t, address: "127.0.0.1:0"}, &switchable{t: t, address: "127.0.0.1:0"}
		a.start()
		b.start()
		p := poolOf(a.address, b.address)
		if checked {
			p.Health = &HealthCheck{Path: "/healthz", Interval: 20 * time.Millisecond, Timeout: 2 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1}
		}
		e := newEngine(t, Options{})
		v := &visitor{t: t, client: client1(t, nil, ""), session: session}
		v.url = "http://" + apply(t, e, site(t, map[string]Action{"/": holding(session, "p")}, map[string]*Pool{"p": p}))
		at := func(s *switchable) uint64 { return uint64(s.hits.Load()) }
		// Hits count requests, and not checks.
		v.ask()
		held, other := a, b
		if at(b) > 0 {
			held, other = b, a
		}
		for range 5 {
			v.ask()
		}
		if at(held) != 6 || v.given != 1 {
			t.Fatalf("checked %v: want 6 requests at one endpoint, got %d and %d", checked, at(a), at(b))
		}
		if checked {
			held.sick.Store(true)
			eventually(t, "it is out", func() bool {
				h := e.Health()["p"]
				return h[0].Health == Unhealthy || h[1].Health == Unhealthy
			})
		} else {
			held.stop()
		}
		for range 5 {
			v.ask()
		}
		if at(other) != 5 || v.given != 2 {
			t.Errorf("checked %v: want 5 requests at the other endpoint and one new token, got %d and %d", checked, at(other), v.given-1)
		}
	}
}

func TestSessionsOutliveTheProcessWithTheirKey(t *testing.T) {
	session := &Session{Name: "stay"}
	c := site(t, map[string]Action{"/": holding(session, "p")}, map[string]*Pool{"p": namedPool(t, "a", "b", "c", "d")})
	c.SessionKey = sessionKey
	v := &visitor{t: t, client: client1(t, nil, ""), session: session}
	start := func(key []byte) *Engine {
		e := newEngine(t, Options{})
		next := *c
		next.SessionKey = key
		v.url = "http://" + apply(t, e, &next)
		return e
	}
	start(sessionKey)
	name := v.ask()
	e := start(append([]byte(nil), sessionKey...))
	v.stays("after a restart", name)
	next := *c
	next.SessionKey = []byte("another")
	apply(t, e, &next)
	before := v.given
	v.ask()
	if v.given != before+1 {
		t.Error("want a token of another key to be worth nothing")
	}
	start(nil)
	before = v.given
	name = v.ask()
	if v.given != before+1 {
		t.Error("want a token to be worth nothing where there is no key")
	}
	v.stays("in the same process", name)
	start(nil)
	before = v.given
	v.ask()
	if v.given != before+1 {
		t.Error("want a process without a key to have one of its own")
	}
}

func TestSessionsEnd(t *testing.T) {
	session := &Session{Name: "stay", Lifetime: 400 * time.Millisecond}
	c := site(t, map[string]Action{"/": holding(session, "p")}, map[string]*Pool{"p": namedPool(t, "a", "b")})
	c.SessionKey = sessionKey
	e := newEngine(t, Options{})
	v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + apply(t, e, c), session: session}
	v.ask()
	first := v.token
	eventually(t, "a session that is used all the time ends", func() bool { v.ask(); return v.given > 1 })
	// The same token, where sessions are longer.
	long := *session
	long.Lifetime = time.Hour
	apply(t, e, edited(t, c, holding(&long, "p"), c.Pools))
	v.token = first
	v.stays("a longer lifetime", v.ask())
	if v.token != first {
		t.Error("want the beginning of a session to be that of its token")
	}
}
