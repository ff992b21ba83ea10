package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestRewritten(t *testing.T) {
	// The table of the Gateway API's HTTPPathModifier, then what it leaves open.
	for _, c := range []struct{ path, prefix, value, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz/", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo/", "/foo", "", "/"},
		{"/foo", "/foo", "", "/"},
		{"/foo/", "/foo", "/", "/"},
		{"/foo", "/foo", "/", "/"},
		{"/foo/bar", "/foo", "/", "/bar"},
		{"/foo/", "/foo", "/xyz/", "/xyz/"},
		{"/a/b", "/", "/x", "/x/a/b"},
		{"/", "/", "/x", "/x/"},
		{"/a", "/", "/", "/a"},
	} {
		if got := rewritten(c.path, c.prefix, &PathEdit{Prefix: true, Value: c.value}); got != c.want {
			t.Errorf("%s, %s to %q: want %s, got %s", c.path, c.prefix, c.value, c.want, got)
		}
	}
	if got := rewritten("/foo/bar", "/foo", &PathEdit{Value: "/one"}); got != "/one" {
		t.Errorf("full: want /one, got %s", got)
	}
}

func TestRedirect(t *testing.T) {
	e := newEngine(t, Options{})
	rules := map[string]Action{
		"/host":   &Redirect{Hostname: "example.org"},
		"/https":  &Redirect{Scheme: "https", Status: 301},
		"/port":   &Redirect{Port: 8443, Scheme: "https"},
		"/eighty": &Redirect{Port: 80},
		"/path":   &Redirect{Path: &PathEdit{Prefix: true, Value: "/new"}, Status: 308, ResponseHeaders: HeaderEdit{Set: []Header{{"X", "y"}}}},
		"/full":   &Redirect{Path: &PathEdit{Value: "/only"}, Status: 303},
	}
	address := apply(t, e, site(t, rules, nil))
	_, port, _ := strings.Cut(address, ":")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, c := range []struct {
		path, host, want string
		status           int
	}{
		{"/host/a?b=c", "", "http://example.org:" + port + "/host/a?b=c", 302},
		{"/https/a", "", "https://127.0.0.1/https/a", 301},
		{"/port", "", "https://127.0.0.1:8443/port", 302},
		{"/eighty", "", "http://127.0.0.1/eighty", 302},
		{"/path/x", "WWW.example.com", "http://www.example.com/new/x", 308},
		{"/full/x?y", "www.example.com:81", "http://www.example.com:81/only?y", 303},
	} {
		r, _ := http.NewRequest("GET", "http://"+address+c.path, nil)
		r.Host = c.host
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Location"); resp.StatusCode != c.status || got != c.want {
			t.Errorf("%s: want %d %s, got %d %s", c.path, c.status, c.want, resp.StatusCode, got)
		}
	}
}
