package proxy

import "testing"

func TestOriginPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, origin string
		want            bool
	}{
		{"https://a.com", "https://a.com", true},
		{"https://a.com", "HTTPS://A.com", true},
		{"https://A.com", "https://a.com", true},
		{"https://a.com", "https://a.com:443", true},
		{"https://a.com:443", "https://a.com", true},
		{"http://a.com:80", "http://a.com", true},
		{"http://a.com", "http://a.com:080", true},
		{"https://a.com", "https://a.com:80", false},
		{"https://a.com", "http://a.com", false},
		{"https://a.com", "https://a.com:8443", false},
		{"https://a.com", "https://b.a.com", false},
		{"https://a.com", "https://a.com.evil", false},
		{"https://a.com", "https://a.com/", false},
		{"https://a.com", "https://a.com, https://a.com", false},
		{"https://a.com", "https://a.com https://b.com", false},
		{"https://a.com", "https://u@a.com", false},
		{"https://a.com", "https://a.com:", false},
		{"https://a.com", "https://a.com:4a3", false},
		{"https://a.com", "a.com", false},
		{"https://a.com", "://a.com", false},
		{"https://a.com", "null", false},
		{"https://a.com", "", false},
		{"https://*.a.com", "https://b.a.com", true},
		{"https://*.a.com", "https://c.b.A.COM", true},
		{"https://*.a.com", "https://b.a.com:443", true},
		{"https://*.a.com", "https://a.com", false},
		{"https://*.a.com", "https://.a.com", false},
		{"https://*.a.com", "https://ba.com", false},
		{"https://*.a.com", "http://b.a.com", false},
		{"https://*.a.com", "https://b.a.com:8443", false},
		{"https://*.a.com", "https://evil.com/.a.com", false},
		{"https://*.a.com", "https://evil.com:1.a.com", false},
		{"https://*.a.com", "https://evil.com?.a.com", false},
		{"https://*.a.com", "https://evil.com#.a.com", false},
		{"https://*.a.com", "https://evil.com@b.a.com", false},
		{"https://*.a.com", `https://evil.com\.a.com`, false},
		{"https://*.a.com:8443", "https://b.a.com:8443", true},
		{"https://*", "https://anything.at.all", true},
		{"https://*", "https://[::1]", true},
		{"https://*", "https://anything:8443", false},
		{"https://*:8443", "https://anything:8443", true},
		{"https://*", "http://anything", false},
		{"https://*", "null", false},
		{"https://a*z.com", "https://a.b.z.com", true},
		{"https://a*z.com", "https://az.com", false},
		{"https://[::1]:8080", "https://[::1]:8080", true},
		{"https://[::1]", "https://[::1", false},
		{"https://*.*.com", "https://a.b.com", false},
		{"*://a.com", "https://a.com", false},
		{"https://a.com:*", "https://a.com", false},
		{"https://a.com/", "https://a.com/", false},
		{"chrome-extension://abc", "chrome-extension://abc", true},
	} {
		c := newCORS(&Rule{CORS: &CORS{AllowOrigins: []string{test.pattern}}}, t.Logf)
		want := ""
		if test.want {
			want = test.origin
		}
		if got := c.allow(test.origin); got != want {
			t.Errorf("%q, asked by %q: want %q, got %q", test.pattern, test.origin, want, got)
		}
	}
}

// Whatever is asked, what is allowed is nothing or exactly that, and an origin below the pattern's host.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://b.a.com", "https://b.a.com:443", "null", "https://[::1]:80", "https://evil@b.a.com", "https://*.a.com"} {
		f.Add(seed)
	}
	c := newCORS(&Rule{CORS: &CORS{AllowOrigins: []string{"https://*.a.com"}}}, f.Logf)
	f.Fuzz(func(t *testing.T, asked string) {
		got := c.allow(asked)
		if got == "" {
			return
		}
		o, ok := parseOrigin(got)
		if got != asked || !ok || o.port != "443" || len(o.host) < len("x.a.com") {
			t.Errorf("%q is allowed as %q: %+v", asked, got, o)
		}
		if _, ok := newOriginPattern(asked); !ok {
			t.Errorf("%q is allowed and is no pattern of its own", asked)
		}
	})
}
