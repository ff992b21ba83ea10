package proxy

import (
	"encoding/base64"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// sealed is a token as an engine with a key makes it.
func sealed(t testing.TB, key []byte, s *Session, name string, endpoint netip.AddrPort) string {
	t.Helper()
	x := exchange{engine: &Engine{}}
	x.engine.setSessionKey(key)
	p := &pool{name: name}
	if !x.seal(newSticky(s, t.Logf, "rule", "test"), &token{pool: p.mark(), endpoint: endpoint, began: wallClock().UnixMilli()}) {
		t.Fatal("not sealed")
	}
	return string(x.scratch)
}

// pinned is a configuration with a rule that has sessions at a pool of four, and the token for one of the endpoints.
func pinned(t testing.TB, s *Session) (c *Config, name, token string) {
	t.Helper()
	p := namedPool(t, "a", "b", "c", "d")
	c = site(t, map[string]Action{"/": holding(s, "p")}, map[string]*Pool{"p": p})
	c.SessionKey = sessionKey
	return c, "c", sealed(t, sessionKey, s, "p", p.Endpoints[2].Address)
}

// TestTokensThatAreNotOurs shows what is no token: it counts as none, and the client is given one.
func TestTokensThatAreNotOurs(t *testing.T) {
	for _, session := range []*Session{{Name: "stay"}, {Name: "x-stay", Header: true}} {
		c, name, good := pinned(t, session)
		e := newEngine(t, Options{})
		v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + apply(t, e, c), session: session, token: good}
		v.stays("ours", name)

		endpoint := c.Pools["p"].Endpoints[2].Address
		other := *session
		other.Name = "other"
		kind := Session{Name: session.Name, Header: !session.Header}
		bad := map[string]string{
			"short": good[:len(good)-1], "half": good[:len(good)/2], "one byte": "A", "long": good + "A", "very long": strings.Repeat("A", 15000),
			"no base64": "!" + good[1:], "padded": good + "==", "in plain": endpoint.String(),
			"plain bytes": base64.RawURLEncoding.EncodeToString(endpoint.Addr().AsSlice()),
			"another key": sealed(t, []byte("guess"), session, "p", endpoint), "a session of another name": sealed(t, sessionKey, &other, "p", endpoint),
			"a session of another kind": sealed(t, sessionKey, &kind, "p", endpoint),
			"an endpoint of no pool":    sealed(t, sessionKey, session, "p", netip.MustParseAddrPort("127.0.0.1:1")),
			"a metadata service":        sealed(t, sessionKey, session, "p", netip.MustParseAddrPort("169.254.169.254:80")),
			"IPv6":                      sealed(t, sessionKey, session, "p", netip.MustParseAddrPort("[fe80::1%eth0]:80")),
		}
		for i := range good {
			flipped := []byte(good)
			if flipped[i] = 'A'; good[i] == 'A' {
				flipped[i] = 'B'
			}
			bad["flipped at "+string(rune('0'+i/10))+string(rune('0'+i%10))] = string(flipped)
		}
		dice := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			b := make([]byte, dice.IntN(120))
			for i := range b {
				b[i] = byte(dice.Uint32())
			}
			text := base64.RawURLEncoding.EncodeToString(b)
			bad["random "+text] = text
		}
		for reason, text := range bad {
			v.token, v.given = text, 0
			if v.ask(); v.given != 1 && !strings.HasPrefix(reason, "flipped at "+lastOf(good)) {
				t.Errorf("%s: want a new token", reason)
			}
		}
	}
}

// lastOf is where the last character of text is: some of its bits mean nothing.
func lastOf(text string) string {
	i := len(text) - 1
	return string(rune('0'+i/10)) + string(rune('0'+i%10))
}

func TestOneCookieOfMany(t *testing.T) {
	session := &Session{Name: "stay"}
	c, name, good := pinned(t, session)
	e := newEngine(t, Options{})
	url := "http://" + apply(t, e, c)
	for _, test := range []struct {
		cookies []string
		held    bool
	}{
		{[]string{"a=1; stay=" + good + "; b=2"}, true},
		{[]string{"a=1;stay=" + good}, true},
		{[]string{"stay=old; stay=" + good}, true},
		{[]string{"a=1", "stay=" + good}, true},
		{[]string{"stay=x; stay=; stay; =stay;;", "; stay=" + good + " ;"}, true},
		{[]string{strings.Repeat("stay=x; ", maxShown-1) + "stay=" + good}, true},
		{[]string{strings.Repeat("stay=x; ", maxShown) + "stay=" + good}, false},
		{[]string{"Stay=" + good}, false},
		{[]string{"xstay=" + good}, false},
		{[]string{"stay2=" + good}, false},
		{[]string{"a=\"stay=" + good + "\""}, false},
		{[]string{strings.Repeat(";", 300) + "=" + strings.Repeat("=", 5000)}, false},
	} {
		for _, client := range []*http.Client{client1(t, nil, ""), client2(t, nil, "")} {
			r := request(t, "GET", url, "")
			r.Header["Cookie"] = test.cookies
			got := do(t, client, r)
			if held := given(got.Header, session) == ""; got.Status != 200 || held != test.held || held && got.Body != name {
				t.Errorf("%.200q over HTTP/%d: want held %v, got %v, %d from %s", test.cookies, got.Proto, test.held, held, got.Status, got.Body)
			}
		}
	}
	// A field can be a list, and so be joined on the way.
	session = &Session{Name: "X-Stay", Header: true}
	c, name, good = pinned(t, session)
	url = "http://" + apply(t, newEngine(t, Options{}), c)
	for value, want := range map[string]bool{good: true, "x, " + good: true, "x," + good + " ,": true, strings.Repeat(",", 10000) + good: false} {
		r := request(t, "GET", url, "")
		r.Header["x-stay"] = []string{value}
		got := do(t, client1(t, nil, ""), r)
		if held := given(got.Header, session) == ""; got.Status != 200 || held != want || held && got.Body != name {
			t.Errorf("%.100q: want held %v, got %v, %d from %s", value, want, held, got.Status, got.Body)
		}
	}
}

// A token is worth nothing for another rule with sessions of its own, also where that sends to the same pool.
func TestTokensOfAnotherRule(t *testing.T) {
	one, two := &Session{Name: "one"}, &Session{Name: "two"}
	c, _, token := pinned(t, one)
	c.Listeners["http"].Servers[0].Rules = table(t, map[string]Action{"/one": holding(one, "p"), "/two": holding(two, "p")})
	e := newEngine(t, Options{})
	address := apply(t, e, c)
	v := &visitor{t: t, client: client1(t, nil, ""), url: "http://" + address + "/two", session: two, token: token}
	if v.ask(); v.given != 1 {
		t.Error("want a new token")
	}
	// Both at once, as a browser shows them.
	w := &visitor{t: t, client: v.client, url: "http://" + address + "/one", session: one}
	first, second := w.ask(), v.ask()
	for range 5 {
		for url, want := range map[string]string{w.url: first, v.url: second} {
			r := request(t, "GET", url, "")
			r.Header.Set("Cookie", "one="+w.token+"; two="+v.token)
			if got := do(t, v.client, r); got.Body != want || len(got.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s: want %s and no new token, got %s", url, want, got.Body)
			}
		}
	}
}

func TestSessionsThatCannotBeShown(t *testing.T) {
	for _, session := range []*Session{
		{Name: ""}, {Name: "a b"}, {Name: "a;b"}, {Name: "a=b"}, {Name: "a\r\nX-Evil: 1"}, {Name: strings.Repeat("x", 300)},
		{Name: "a", Path: "app"}, {Name: "a", Path: "/; Domain=example.com"}, {Name: "a", Path: "/\r\nX-Evil: 1"},
		{Name: "Host", Header: true}, {Name: "connection", Header: true}, {Name: "Content-Length", Header: true},
		{Name: "Cookie", Header: true}, {Name: "set-cookie", Header: true}, {Name: "x-forwarded-for", Header: true},
	} {
		var said atomic.Int64
		e := newEngine(t, Options{Logf: func(string, ...any) { said.Add(1) }})
		c := site(t, map[string]Action{"/": holding(session, "p")}, map[string]*Pool{"p": namedPool(t, "a")})
		got := do(t, client1(t, nil, ""), request(t, "GET", "http://"+apply(t, e, c), ""))
		if got.Status != 200 || got.Body != "a" || got.Header.Get("Set-Cookie") != "" || got.Header.Get("X-Evil") != "" || said.Load() == 0 {
			t.Errorf("%+v: want it served without sessions and said so, got %+v, said %d times", session, got, said.Load())
		}
	}
}

// FuzzTokens opens what anybody may send.
func FuzzTokens(f *testing.F) {
	s := &Session{Name: "stay"}
	f.Add(sealed(f, sessionKey, s, "p", netip.MustParseAddrPort("10.0.0.1:80")))
	f.Add("")
	sticky := newSticky(s, f.Logf, "rule", "test")
	e := &Engine{}
	e.setSessionKey(sessionKey)
	f.Fuzz(func(t *testing.T, text string) {
		x := exchange{engine: e}
		got, ok := x.open(sticky, text)
		if ok && got.endpoint != netip.MustParseAddrPort("10.0.0.1:80") {
			t.Errorf("%q was taken for a token for %s", text, got.endpoint)
		}
	})
}
