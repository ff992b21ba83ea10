package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// jar is a client with cookies by name, which it sends whatever their attributes.
type jar struct {
	t       testing.TB
	url     string
	cookies map[string]string
	set     []string // the Set-Cookie fields of the last answer
}

func (j *jar) ask() string {
	j.t.Helper()
	r, err := http.NewRequest("GET", j.url, nil)
	if err != nil {
		j.t.Fatal(err)
	}
	for name, value := range j.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		j.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		j.t.Fatal(err)
	}
	j.set = resp.Header["Set-Cookie"]
	for _, c := range resp.Cookies() {
		j.cookies[c.Name] = c.Value
	}
	return string(body)
}

// keeps checks that ten requests are all answered by want.
func (j *jar) keeps(reason, want string) {
	j.t.Helper()
	for range 10 {
		if got := j.ask(); got != want {
			j.t.Errorf("%s: want %s, got %s", reason, want, got)
			return
		}
	}
}

// differs checks that of ten requests some are answered by others than not.
func (j *jar) differs(reason, not string) {
	j.t.Helper()
	for range 10 {
		if j.ask() != not {
			return
		}
	}
	j.t.Errorf("%s: want others than %s", reason, not)
}

// attributes is what follows the token in a Set-Cookie field, for the cookie called name, with the time of Expires left out.
func (j *jar) attributes(name string) string {
	for _, field := range j.set {
		if rest, ok := strings.CutPrefix(field, name+"="); ok {
			_, rest, _ = strings.Cut(rest, ";")
			if before, after, ok := strings.Cut(rest, "Expires="); ok {
				when, after, _ := strings.Cut(after, ";")
				if _, err := http.ParseTime(when); err != nil {
					j.t.Errorf("Expires: %v", err)
				}
				return before + "Expires;" + after
			}
			return rest
		}
	}
	return "none"
}

func newJar(t testing.TB, e *Engine, c *Config) *jar {
	return &jar{t: t, url: "http://" + apply(t, e, c) + "/", cookies: map[string]string{}}
}

func TestBackendSessions(t *testing.T) {
	e := newEngine(t, Options{})
	f := &Forward{
		Backends:       []Backend{{Weight: 1, Pool: "p"}, {Weight: 1, Pool: "q"}},
		BackendSession: &Session{Name: "TG", Cross: "TGCORS", Plain: true, Permanent: true, Lifetime: time.Hour, Renew: true},
	}
	pools := map[string]*Pool{"p": namedPool(t, "p"), "q": namedPool(t, "q")}
	c := site(t, map[string]Action{"/": f}, pools)
	j := newJar(t, e, c)
	first := j.ask()
	for name, want := range map[string]string{"TG": " Expires; Path=/", "TGCORS": " Expires; Path=/; SameSite=None; Secure"} {
		if got := j.attributes(name); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
	j.keeps("the cookie is shown", first)
	if len(j.set) != 2 {
		t.Errorf("renewed: want two cookies, got %q", j.set)
	}
	delete(j.cookies, "TG")
	if got := j.ask(); got != first {
		t.Errorf("the other cookie alone: want %s, got %s", first, got)
	}
	j.cookies = map[string]string{"TG": j.cookies["TG"][1:]}
	j.cookies["TGCORS"] = "x"
	j.ask()
	if len(j.set) != 2 {
		t.Errorf("a token that is none: want new ones, got %q", j.set)
	}

	// A backend without weight has nobody.
	first = j.ask()
	without := *f
	without.Backends = []Backend{{Weight: 1, Pool: "p"}, {Weight: 1, Pool: "q"}}
	for i := range without.Backends {
		if without.Backends[i].Pool == first {
			without.Backends[i].Weight = 0
		}
	}
	apply(t, e, &Config{Listeners: site(t, map[string]Action{"/": &without}, nil).Listeners, Pools: pools})
	address, _ := e.ListenerAddress("http")
	j.url = "http://" + address.String() + "/"
	if got := j.ask(); got == first {
		t.Errorf("want another than %s, which has no weight", first)
	}
}

// A client is kept at a backend and, apart from that, at one of its endpoints.
func TestBackendAndEndpointSessions(t *testing.T) {
	e := newEngine(t, Options{})
	f := &Forward{Backends: []Backend{{Weight: 1, Pool: "p"}, {Weight: 1, Pool: "q"}}, BackendSession: &Session{Name: "TG"}}
	pools := map[string]*Pool{"p": namedPool(t, "pa", "pb"), "q": namedPool(t, "qa", "qb")}
	for _, p := range pools {
		p.Session = &Session{Name: "LB", Renew: true}
	}
	j := newJar(t, e, site(t, map[string]Action{"/": f}, pools))
	first := j.ask()
	endpoint := j.cookies["LB"]
	j.keeps("both cookies", first)
	if len(j.set) != 1 || !strings.HasPrefix(j.set[0], "LB=") {
		t.Errorf("want the one that is renewed, got %q", j.set)
	}
	delete(j.cookies, "LB")
	got := map[string]bool{}
	for range 10 {
		got[j.ask()] = true
		delete(j.cookies, "LB")
	}
	if len(got) != 2 || !got[first] || !got[first[:1]+"a"] {
		t.Errorf("want both endpoints of %s, got %v", first[:1], got)
	}
	// The token of an endpoint does not lead to a backend that another token speaks against.
	other := newJar(t, e, site(t, map[string]Action{"/": f}, pools))
	for strings.HasPrefix(other.ask(), first[:1]) {
		other.cookies = map[string]string{}
	}
	mixed := &jar{t: t, url: other.url, cookies: map[string]string{"TG": other.cookies["TG"], "LB": endpoint}}
	if got := mixed.ask(); got[:1] == first[:1] {
		t.Errorf("want the backend of its token, got %s", got)
	}
}

// A token of a session with an endpoint is none of a session with a backend, even if both have one name.
func TestBackendTokensAreNoOthers(t *testing.T) {
	e := newEngine(t, Options{})
	pools := map[string]*Pool{"p": namedPool(t, "p"), "q": namedPool(t, "q")}
	j := newJar(t, e, site(t, map[string]Action{"/": holding(&Session{Name: "s"}, "p", "q")}, pools))
	j.ask()
	f := &Forward{Backends: []Backend{{Weight: 1, Pool: "p"}, {Weight: 1, Pool: "q"}}, BackendSession: &Session{Name: "s"}}
	other := newJar(t, e, site(t, map[string]Action{"/": f}, pools))
	other.cookies = j.cookies
	if other.ask(); len(other.set) != 1 {
		t.Errorf("want a token of its own, got %q", other.set)
	}
}

func TestApplicationSessions(t *testing.T) {
	login := true
	var addresses []string
	for _, name := range []string{"a", "b", "c"} {
		addresses = append(addresses, backend(t, func(w http.ResponseWriter, r *http.Request) {
			if login {
				http.SetCookie(w, &http.Cookie{Name: "app", Value: name})
			}
			_, _ = io.WriteString(w, name)
		}))
	}
	e := newEngine(t, Options{})
	p := poolOf(addresses...)
	p.Session = &Session{Name: "LB-0", Application: "app", Renew: true, Plain: true}
	j := newJar(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))
	login = false
	first := j.ask()
	j.differs("no session of the application", first)
	if len(j.set) != 0 {
		t.Errorf("want no cookie before the application's, got %q", j.set)
	}
	login = true
	first = j.ask()
	login = false
	if got := j.attributes("LB-0"); got != " Path=/" {
		t.Errorf("want %q, got %q", " Path=/", got)
	}
	j.keeps("the application's cookie is shown", first)
	delete(j.cookies, "app")
	j.differs("the application's cookie is gone", first)
	if len(j.set) != 0 {
		t.Errorf("want no cookie without the application's, got %q", j.set)
	}
}

func TestRenewedSessionsBeginAnew(t *testing.T) {
	e := newEngine(t, Options{})
	s := &Session{Name: "s", Lifetime: time.Hour, Renew: true}
	j := newJar(t, e, site(t, map[string]Action{"/": holding(s, "p")}, map[string]*Pool{"p": namedPool(t, "a", "b")}))
	began := func() int64 {
		token, ok := (&exchange{engine: e}).open(newSticky(s, t.Logf, "test", "s"), j.cookies["s"])
		if !ok {
			t.Fatalf("%q is no token", j.cookies["s"])
		}
		return token.began
	}
	j.ask()
	first := began()
	eventually(t, "the session begins anew", func() bool {
		j.ask()
		return began() > first
	})
}

func TestSessionsWithNamesThatAreNone(t *testing.T) {
	for _, s := range []*Session{{Name: "s", Cross: "a;b"}, {Name: "s", Application: "a\nb"}} {
		if wrong := s.unusable(); wrong == "" {
			t.Errorf("%+v: want it unusable", s)
		}
	}
}
