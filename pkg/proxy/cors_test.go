package proxy

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// corsSite is a configuration whose rules all have cors.
func corsSite(t testing.TB, cors *CORS, pools map[string]*Pool, rules map[string]Action) *Config {
	t.Helper()
	edit := new(Table).Edit()
	for prefix, action := range rules {
		r := route.Route[*Rule]{ID: prefix, Rank: prefix, Value: &Rule{Name: prefix, CORS: cors, Action: action}}
		r.Match.Path = route.Path{Kind: route.PathPrefix, Value: prefix}
		if err := edit.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	return &Config{
		Listeners: map[string]*Listener{"http": {Protocol: HTTP, Address: loopback, Servers: []Server{{Rules: edit.Commit()}}}},
		Pools:     pools,
	}
}

// asking returns a request with fields, which are names and values in turn.
func asking(t testing.TB, method, url string, fields ...string) *http.Request {
	t.Helper()
	r := request(t, method, url, "")
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

// corsFields are the fields of an answer that are CORS's, and Vary, as "name: value" with names in short.
func corsFields(h http.Header) map[string]string {
	got := map[string]string{}
	for name, values := range h {
		if short, ok := strings.CutPrefix(name, "Access-Control-"); ok || name == "Vary" {
			got[short] = strings.Join(values, " + ") // More than one of a kind is a mistake that is to be seen.
		}
	}
	return got
}

// bothVersions runs test with clients of HTTP/1.1 and of HTTP/2.
func bothVersions(t *testing.T, test func(t *testing.T, client *http.Client)) {
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, client1(t, nil, "")) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, client2(t, nil, "")) })
}

var theList = &CORS{
	AllowOrigins: []string{"https://www.foo.com", "https://*.bar.com"}, AllowMethods: []string{"GET", "OPTIONS"},
	AllowHeaders: []string{"x-header-1", "x-header-2"}, ExposeHeaders: []string{"x-header-3", "x-header-4"},
	AllowCredentials: true, MaxAge: time.Hour,
}

func TestCORSPreflight(t *testing.T) {
	for _, test := range []struct {
		reason string
		cors   *CORS
		ask    []string
		want   map[string]string
	}{
		{
			"an origin of the list", theList,
			[]string{"Origin", "https://www.foo.com", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-header-1, x-header-2"},
			map[string]string{
				"Allow-Origin": "https://www.foo.com", "Allow-Credentials": "true", "Allow-Methods": "GET, OPTIONS", "Allow-Headers": "x-header-1, x-header-2",
				"Expose-Headers": "x-header-3, x-header-4", "Max-Age": "3600", "Vary": "Origin",
			},
		},
		{
			"an origin below a wildcard, and nothing said of headers", theList,
			[]string{"Origin", "https://xpto.www.bar.com", "Access-Control-Request-Method", "DELETE"},
			map[string]string{
				"Allow-Origin": "https://xpto.www.bar.com", "Allow-Credentials": "true", "Allow-Methods": "GET, OPTIONS", "Allow-Headers": "x-header-1, x-header-2",
				"Expose-Headers": "x-header-3, x-header-4", "Max-Age": "3600", "Vary": "Origin",
			},
		},
		{
			"another origin", theList,
			[]string{"Origin", "https://foobar.com", "Access-Control-Request-Method", "GET"},
			map[string]string{"Vary": "Origin"},
		},
		{
			"two origins, of which one would be allowed", theList,
			[]string{"Origin", "https://www.foo.com", "Origin", "https://evil.com", "Access-Control-Request-Method", "GET"},
			map[string]string{"Vary": "Origin"},
		},
		{
			"everything, with credentials", &CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}, ExposeHeaders: []string{"*"}, AllowCredentials: true},
			[]string{"Origin", "https://a:1", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,x-a"},
			map[string]string{
				"Allow-Origin": "https://a:1", "Allow-Credentials": "true", "Allow-Methods": "PUT", "Allow-Headers": "authorization,x-a", "Max-Age": "5", "Vary": "Origin",
				"Expose-Headers": "Date, Access-Control-Allow-Methods, Access-Control-Allow-Headers, Access-Control-Max-Age",
			},
		},
		{
			"everything, without credentials", &CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}, ExposeHeaders: []string{"*"}},
			[]string{"Origin", "null", "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization"},
			map[string]string{"Allow-Origin": "*", "Allow-Methods": "PATCH", "Allow-Headers": "authorization", "Expose-Headers": "*", "Max-Age": "5"},
		},
		{
			"what is asked for is not what names are made of", &CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}},
			[]string{"Origin", "null", "Access-Control-Request-Method", "GE T", "Access-Control-Request-Headers", "a,<b>"},
			map[string]string{"Allow-Origin": "*", "Max-Age": "5"},
		},
		{
			"only an origin is allowed", &CORS{AllowOrigins: []string{"http://a"}},
			[]string{"Origin", "http://a", "Access-Control-Request-Method", "POST"},
			map[string]string{"Allow-Origin": "http://a", "Max-Age": "5", "Vary": "Origin"},
		},
		{
			"nothing is allowed", &CORS{},
			[]string{"Origin", "http://a", "Access-Control-Request-Method", "POST"},
			map[string]string{},
		},
	} {
		t.Run(test.reason, func(t *testing.T) {
			bothVersions(t, func(t *testing.T, client *http.Client) {
				e := newEngine(t, Options{})
				asked := backend(t, func(http.ResponseWriter, *http.Request) { t.Error("a preflight request came to an endpoint") })
				address := apply(t, e, corsSite(t, test.cors, map[string]*Pool{"p": poolOf(asked)}, map[string]Action{"/": to("p")}))
				got := do(t, client, asking(t, "OPTIONS", "http://"+address, test.ask...))
				if got.Status != 204 || got.Body != "" {
					t.Errorf("want 204 and nothing, got %d, %q", got.Status, got.Body)
				}
				if diff := cmp.Diff(test.want, corsFields(got.Header)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// Whatever the endpoint and the filters say of CORS, the rule's is what the page is told, once.
func TestCORSAnswers(t *testing.T) {
	opinionated := func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Access-Control-Allow-Origin", "*")
		h.Add("Access-Control-Allow-Origin", "https://evil.com")
		h.Set("access-control-allow-credentials", "true")
		h.Set("Access-Control-Expose-Headers", "X-Secret")
		h.Set("Vary", "Accept-Encoding")
		h.Set("X-One", "1")
		h.Set("X-Saw-Origin", r.Header.Get("Origin"))
	}
	forward := func(pool string) *Forward {
		f := to(pool)
		f.RequestHeaders.Remove = []string{"Origin"} // Before or after, CORS sees what the client sent.
		f.ResponseHeaders.Set = []Header{{"Access-Control-Allow-Origin", "https://filter.com"}}
		return f
	}
	pools := func(t testing.TB) map[string]*Pool {
		return map[string]*Pool{
			"h1": poolOf(backend(t, opinionated)), "h2": poolSpeaking(PoolHTTP2, h2cBackend(t, opinionated)), "dead": poolOf(deadAddress(t)),
			"none": poolOf(), "slow": poolOf(scriptedSilence(t)), "broken": poolOf(scriptedHangUp(t)),
		}
	}
	rules := map[string]Action{
		"/h1": forward("h1"), "/h2": forward("h2"), "/dead": to("dead"), "/none": to("none"), "/broken": to("broken"),
		"/slow": &Forward{Backends: []Backend{{Weight: 1, Pool: "slow"}}, BackendTimeout: 50 * time.Millisecond}, "/invalid": &Forward{Backends: []Backend{{Weight: 1, Status: 500}}},
		"/redirect": &Redirect{Scheme: "https"}, "/respond": &Respond{Status: 403, ResponseHeaders: HeaderEdit{Set: []Header{{"Access-Control-Allow-Origin", "*"}}}},
		"/unsendable": &Forward{Backends: []Backend{{Weight: 1, Pool: "h1"}}, RewriteHost: "a b"},
	}
	statuses := map[string]int{
		"/h1": 200, "/h2": 200, "/dead": 503, "/none": 503, "/broken": 502, "/slow": 504, "/invalid": 500, "/redirect": 302, "/respond": 403, "/unsendable": 500,
	}
	bothVersions(t, func(t *testing.T, client *http.Client) {
		e := newEngine(t, Options{})
		address := apply(t, e, corsSite(t, theList, pools(t), rules))
		for path, status := range statuses {
			vary := "Origin"
			if status == 200 {
				vary = "Accept-Encoding + Origin"
			}
			allowed := map[string]string{"Allow-Origin": "https://www.foo.com", "Allow-Credentials": "true", "Expose-Headers": "x-header-3, x-header-4", "Vary": vary}
			for origin, want := range map[string]map[string]string{
				"https://www.foo.com": allowed, "https://foobar.com": {"Vary": vary}, "": {"Vary": vary},
			} {
				r := asking(t, "GET", "http://"+address+path)
				if origin != "" {
					r.Header.Set("Origin", origin)
				}
				got := do(t, client, r)
				if got.Status != status {
					t.Errorf("%s: want %d, got %d", path, status, got.Status)
				}
				if diff := cmp.Diff(want, corsFields(got.Header)); diff != "" {
					t.Errorf("%s from %q: %s", path, origin, diff)
				}
				if saw := got.Header.Get("X-Saw-Origin"); saw != "" {
					t.Errorf("%s: the filter removes Origin, and the endpoint saw %q", path, saw)
				}
			}
		}
		// Another rule than that, or none, has no CORS.
		if got := corsFields(do(t, client, asking(t, "GET", "http://"+address+"/elsewhere", "Origin", "https://www.foo.com")).Header); len(got) != 0 {
			t.Errorf("no rule: want nothing, got %v", got)
		}
	})
}

// With credentials "*" is not allowed to be said, and all fields are exposed by their names.
func TestCORSExposesEverything(t *testing.T) {
	address := backend(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-One", "1")
		h.Add("X-Two", "2")
		h.Add("X-Two", "3")
		h.Set("Set-Cookie", "a=b")
		h.Set("Vary", "accept , ORIGIN")
		h.Set("Date", "now")
	})
	for _, test := range []struct {
		reason string
		cors   CORS
		want   map[string]string
	}{
		{"with credentials", CORS{AllowCredentials: true}, map[string]string{"Allow-Origin": "https://a", "Allow-Credentials": "true", "Vary": "accept , ORIGIN"}},
		{"without", CORS{}, map[string]string{"Allow-Origin": "*", "Expose-Headers": "*", "Vary": "accept , ORIGIN"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			bothVersions(t, func(t *testing.T, client *http.Client) {
				cors := test.cors
				cors.AllowOrigins, cors.ExposeHeaders = []string{"*"}, []string{"X-Three", "*"}
				e := newEngine(t, Options{})
				front := apply(t, e, corsSite(t, &cors, map[string]*Pool{"p": poolOf(address)}, map[string]Action{"/": to("p")}))
				got := corsFields(do(t, client, asking(t, "GET", "http://"+front, "Origin", "https://a")).Header)
				if test.cors.AllowCredentials {
					names := strings.Split(got["Expose-Headers"], ", ")
					for _, name := range []string{"X-One", "X-Two"} {
						if n := countOf(names, name); n != 1 {
							t.Errorf("want %s once in %q, got it %d times", name, names, n)
						}
					}
					if n := countOf(names, "Set-Cookie"); n != 0 {
						t.Errorf("Set-Cookie is in %q", names)
					}
					delete(got, "Expose-Headers")
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func countOf(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// A preflight request is answered by the rule that matches it; where none does, by that of the request that it asks about.
func TestCORSPreflightFindsTheRuleOfTheRequest(t *testing.T) {
	put := func(edit *route.Edit[*Rule], name, path, method string, cors *CORS) {
		t.Helper()
		r := route.Route[*Rule]{ID: name, Rank: name, Match: route.Match{Path: route.Path{Kind: route.PathPrefix, Value: path}, Method: method}}
		r.Value = &Rule{Name: name, CORS: cors, Action: &Respond{Status: 200, Body: name}}
		if err := edit.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	from := func(origin string) *CORS { return &CORS{AllowOrigins: []string{origin}} }
	edit := new(Table).Edit()
	put(edit, "1", "/a", "GET", from("http://get"))
	put(edit, "2", "/a", "PUT", from("http://put"))
	put(edit, "3", "/a", "DELETE", nil)
	put(edit, "4", "/b", "", nil)
	put(edit, "5", "/b", "GET", from("http://get"))
	put(edit, "6", "/c", "OPTIONS", from("http://options"))
	bothVersions(t, func(t *testing.T, client *http.Client) {
		e := newEngine(t, Options{})
		c := site(t, nil, nil)
		c.Listeners["http"].Servers[0].Rules = edit.Commit()
		address := apply(t, e, c)
		for _, test := range []struct {
			reason, path, origin, method string
			status                       int
			allowed                      string
		}{
			{"of its method", "/a", "http://get", "GET", 204, "http://get"},
			{"of another method", "/a", "http://put", "PUT", 204, "http://put"},
			{"from an origin of another method's rule", "/a", "http://put", "GET", 204, ""},
			{"a rule without CORS", "/a", "http://get", "DELETE", 404, ""},
			{"no rule for the method", "/a", "http://get", "PATCH", 404, ""},
			{"no method asked for", "/a", "http://get", "", 404, ""},
			{"no origin", "/a", "", "GET", 404, ""},
			{"a rule without CORS matches OPTIONS", "/b", "http://get", "GET", 200, ""},
			{"a rule for OPTIONS", "/c", "http://options", "GET", 204, "http://options"},
			{"OPTIONS that is no preflight", "/c", "http://options", "", 200, "http://options"},
		} {
			r := asking(t, "OPTIONS", "http://"+address+test.path)
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			if test.method != "" {
				r.Header.Set("Access-Control-Request-Method", test.method)
			}
			got := do(t, client, r)
			if allowed := got.Header.Get("Access-Control-Allow-Origin"); got.Status != test.status || allowed != test.allowed {
				t.Errorf("%s: want %d, %q, got %d, %q", test.reason, test.status, test.allowed, got.Status, allowed)
			}
		}
	})
}

// scriptedSilence is an endpoint that never answers, scriptedHangUp one that hangs up where an answer is awaited.
func scriptedSilence(t testing.TB) string {
	return scripted(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
}

func scriptedHangUp(t testing.TB) string {
	return scripted(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
}
