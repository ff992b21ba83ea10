package e2e

import (
	"fmt"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

func TestWhoami(t *testing.T) { tellWhoami(t, onFake) }

func tellWhoami(t *testing.T, on class) {
	w := on.start(t, example("whoami"), func(w *world) { w.serve("whoami", "whoami-1", "whoami-2") })
	v := visit(t, w.programmed("web", 1), nil)
	counts := v.Tally("http://whoami/", 20)
	traffic.WantShare(t, counts, "whoami-1", 50, 10)
	traffic.WantShare(t, counts, "whoami-2", 50, 10)
	v.Want("http://whoami/foo", 404, "")
	v.Want("http://whoami//", 404, "")
	v.Want("http://other/", 404, "")

	w.edit("whoami.yaml", "value: /}", "value: /foo}")
	w.eventually("/foo to answer", func() error { return v.Answers("http://whoami/foo", 200, "") })
	// The rule that was goes once the new one is there.
	w.eventually("/ to answer no more", func() error { return v.Answers("http://whoami/", 404, "") })
	v.Want("http://whoami/foo/bar", 404, "")
	v.Want("http://other/foo", 404, "")
}

func TestCanary(t *testing.T) { tellCanary(t, onFake) }

func tellCanary(t *testing.T, on class) {
	const requests, points = 2000, 3
	const url = "http://canary.example.com/"
	w := on.start(t, example("canary"), func(w *world) {
		w.serve("stable", "stable-1")
		w.serve("canary", "canary-1")
	})
	v := visit(t, w.programmed("web", 1), nil)
	traffic.WantShare(t, v.Tally(url, requests), "stable-1", 75, points)

	// The weights change under load: first to 8:2, then all the way to and fro.
	asking := v.Ask(url, 4, 0)
	asking.More(200)
	w.edit("canary.yaml", "weight: 3", "weight: 8", "weight: 1", "weight: 2")
	asking.More(1000)
	w.edit("canary.yaml", "weight: 8", "weight: 0", "weight: 2", "weight: 1")
	w.eventually("all requests to go to the canary", func() error {
		before := asking.By("stable-1")
		asking.More(50)
		if after := asking.By("stable-1"); after != before {
			return fmt.Errorf("stable-1 still gets %d of 50", after-before)
		}
		return nil
	})
	w.edit("canary.yaml", "weight: 0", "weight: 8", "weight: 1", "weight: 2")
	before := asking.By("stable-1")
	w.eventually("requests to come back to stable", func() error {
		if asking.By("stable-1") == before {
			return fmt.Errorf("none came")
		}
		return nil
	})
	asking.End()
	traffic.WantShare(t, v.Tally(url, requests), "stable-1", 80, points)
}

func TestPathPrefixAndHeader(t *testing.T) { tellPathPrefixAndHeader(t, onFake) }

func tellPathPrefixAndHeader(t *testing.T, on class) {
	on.needs(t, "an ALB adds no headers to requests")
	w := on.start(t, example("path-prefix-header"), func(w *world) { w.serve("echo", "echo-1") })
	v := visit(t, w.programmed("web", 1), nil)
	for _, path := range []string{"/get", "/get/", "/get/more?x=1"} {
		a := v.Must("http://www.example.com" + path)
		if a.Status != 200 || a.Echo.Headers.Get("My-Header") != "foo" {
			t.Errorf("GET %s: status %d, My-Header %q; want 200 and foo", path, a.Status, a.Echo.Headers.Get("My-Header"))
		}
	}
	v.Want("http://www.example.com/getaway", 404, "")
	v.Want("http://www.example.com/", 404, "")
	v.Want("http://example.com/get", 404, "")
}

func TestLeftAndRight(t *testing.T) { tellLeftAndRight(t, onFake) }

func tellLeftAndRight(t *testing.T, on class) {
	w := on.start(t, example("left-right"), func(w *world) {
		w.serve("left", "left-1")
		w.serve("right", "right-1")
	})
	v := visit(t, w.programmed("web", 1), nil)
	for _, side := range []string{"left", "right"} {
		a := v.Must("http://any.example.com/" + side + "/a/b")
		if a.Backend() != side+"-1" || a.Echo.Path != "/a/b" {
			t.Errorf("/%s/a/b was answered by %q, which saw %q; want %s-1 and /a/b", side, a.Backend(), a.Echo.Path, side)
		}
		v.Want("http://any.example.com/"+side, 200, side+"-1")
	}
	v.Want("http://any.example.com/leftover", 404, "")
}

func TestQuickstart(t *testing.T) { tellQuickstart(t, onFake) }

func tellQuickstart(t *testing.T, on class) {
	w := on.start(t, example("quickstart"), func(w *world) {
		w.serve("shop-v1", "v1")
		w.serve("shop-v2", "v2")
		w.secret("shop-tls", "default", traffic.NewCertificate(t, "shop.example.com"))
	})
	v := visit(t, w.programmed("web", 3), nil) // shop on both listeners, beta on http
	v.Want("http://shop.example.com/", 200, "v1")
	v.Want("http://beta.example.com/", 200, "v2")
	if got, want := v.Must("http://shop.example.com/api").Echo.Headers.Get("X-Served-By"), on.adds("cloudgate"); got != want {
		t.Errorf("X-Served-By = %q, want %q", got, want)
	}
}
