package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestRegexEdit(t *testing.T) {
	for _, c := range []struct{ regex, replace, in, want string }{
		{"^/api/(.+)$", "/$1", "/api/x?q=1", "/x?q=1"},
		{"(a)(b)?", "$2-$1$0$9$$", "cab", "cb-aab$"},
		{"(a)(b)?", "$2-$1$3", "ca", "c-a"},
		{"a", "b", "aaa", "baa"},
		{"x*", "y", "", "y"},
		{"a", "$", "a", "$"},
		{"a", "$x", "a", "$x"},
		{"(a)", "$10", "a", "a0"},
		{"b", "", "a", "a"},
	} {
		edits, broken := newRegexEdits([]RegexEdit{{c.regex, c.replace}})
		if broken != "" {
			t.Fatal(broken)
		}
		got, matched := edits[0].apply(c.in)
		if got != c.want || matched != (c.regex != "b") {
			t.Errorf("%s to %s in %q: want %q, got %q, matched %v", c.regex, c.replace, c.in, c.want, got, matched)
		}
	}
}

func TestForwardTransforms(t *testing.T) {
	address, last := seen(t)
	with := func(hosts, urls []RegexEdit) *Forward {
		f := to("p")
		f.HostPatterns, f.URLPatterns = hosts, urls
		return f
	}
	two := with([]RegexEdit{{`^(.+)\.example\.com$`, "$1.internal"}}, []RegexEdit{{"^/two/([^?]*)", "/$1/new"}, {"new", "newer"}})
	two.RewriteHost = "api.EXAMPLE.com:81"
	e := newEngine(t, Options{})
	proxied := apply(t, e, site(t, map[string]Action{
		"/host":   with([]RegexEdit{{`^(.+)\.example\.com$`, "$1.internal"}}, nil),
		"/query":  with(nil, []RegexEdit{{`\?(.*)&b=([0-9]+)`, "/$2?$1"}}),
		"/added":  with(nil, []RegexEdit{{"$", "?added=1"}}),
		"/dots":   with(nil, []RegexEdit{{"^/dots", "/a/../b"}}),
		"/two":    two,
		"/noroot": with(nil, []RegexEdit{{"^/", ""}}),
		"/escape": with(nil, []RegexEdit{{"^/escape", "/.."}}),
		"/space":  with(nil, []RegexEdit{{"^/space", "/a b"}}),
		"/nohost": with([]RegexEdit{{".*", "a/b"}}, nil),
		"/broken": with(nil, []RegexEdit{{"(", ""}}),
	}, map[string]*Pool{"p": poolOf(address)}))
	for _, c := range []struct{ host, url, wantHost, wantURL string }{
		{"Api.Example.com", "/host?q", "api.internal", "/host?q"},
		{"api.example.com:8080", "/host", "api.internal:8080", "/host"},
		{"api.other.com", "/host", "api.other.com", "/host"},
		{"a", "/query?a=1&b=22&c=3", "a", "/query/22?a=1&c=3"},
		{"a", "/query?b=22", "a", "/query?b=22"},
		{"a", "/added", "a", "/added?added=1"},
		{"a", "/dots/x", "a", "/b/x"},
		{"a", "/two/x?new", "api.internal:81", "/x/newer?new"},
		{"a", "/noroot", "", ""},
		{"a", "/escape", "", ""},
		{"a", "/space", "", ""},
		{"a", "/nohost", "", ""},
		{"a", "/broken", "", ""},
	} {
		r, err := http.NewRequest("GET", "http://"+proxied+c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if c.wantURL == "" {
			if resp.StatusCode != 500 {
				t.Errorf("%s: want 500, got %d", c.url, resp.StatusCode)
			}
			continue
		}
		if got := last(); resp.StatusCode != 200 || got.RequestURI != c.wantURL || got.Host != c.wantHost {
			t.Errorf("%s%s: want %s%s, got %d %s%s", c.host, c.url, c.wantHost, c.wantURL, resp.StatusCode, got.Host, got.RequestURI)
		}
	}
}

func TestRedirectTemplate(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, site(t, map[string]Action{
		"/all":     &Redirect{Status: 301, Template: &LocationTemplate{"HTTPS", "#{host}", "443", "/#{path}", "#{query}"}},
		"/listen":  &Redirect{Template: &LocationTemplate{"#{protocol}", "new.#{host}", "#{port}", "/v2/#{path}", "from=#{host}&#{query}#{query}"}},
		"/bare":    &Redirect{Template: &LocationTemplate{"http", "h", "", "/#{unknown}", ""}},
		"/scheme":  &Redirect{Template: &LocationTemplate{"java script", "h", "", "/", ""}},
		"/host":    &Redirect{Template: &LocationTemplate{"http", "h/x", "", "/", ""}},
		"/port":    &Redirect{Template: &LocationTemplate{"http", "h", "80x", "/", ""}},
		"/path":    &Redirect{Template: &LocationTemplate{"http", "h", "", "#{path}", ""}},
		"/newline": &Redirect{Template: &LocationTemplate{"http", "h", "", "/\r\nSet-Cookie: a=b", ""}},
	}, nil))
	_, port, _ := strings.Cut(address, ":")
	for target, want := range map[string]string{
		"/all/x?q=1": "https://a.test:443/all/x?q=1",
		"/all":       "https://a.test:443/all",
		"/listen?q":  "http://new.a.test:" + port + "/v2/listen?from=a.test&qq",
		"/bare?q":    "http://h/#{unknown}",
		"/scheme":    "", "/host": "", "/port": "", "/path": "", "/newline": "",
	} {
		got := send(t, address, "GET "+target+" HTTP/1.1\r\nHost: A.test\r\nConnection: close\r\n\r\n")
		if want == "" {
			if statusLine(got) != "HTTP/1.1 500 Internal Server Error" {
				t.Errorf("%s: want 500, got %q", target, got)
			}
			continue
		}
		if list := header(got)["Location"]; len(list) != 1 || list[0] != want {
			t.Errorf("%s: want %q, got %q", target, want, list)
		}
	}
}
