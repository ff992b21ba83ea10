package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

func TestWhoami(t *testing.T) {
	w := start(t)
	w.example("whoami", "whoami")
	v := w.visit(w.programmed("web", 1), nil)
	pods := w.pods(w.ns, "app", "whoami")
	if len(pods) != 2 {
		t.Fatalf("%d pods, want 2", len(pods))
	}
	for _, pod := range pods {
		w.serves(v, "http://whoami/", 200, pod.Name)
	}
	counts := v.Tally("http://whoami/", 20)
	for _, pod := range pods {
		traffic.WantShare(t, counts, pod.Name, 50, 10)
	}
	v.Want("http://whoami/foo", 404, "")
	v.Want("http://whoami//", 404, "")
	v.Want("http://other/", 404, "")

	w.apply(edit(t, read(t, "whoami", "whoami.yaml"), "value: /}", "value: /foo}"))
	w.serves(v, "http://whoami/foo", 200, "whoami")
	w.serves(v, "http://whoami/", 404, "") // the rule that was goes once the new one is there
	v.Want("http://whoami/foo/bar", 404, "")
	v.Want("http://other/foo", 404, "")
}

// read returns a manifest of an example.
func read(t *testing.T, example, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", example, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// edit replaces text, which has to be there.
func edit(t *testing.T, was string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(was, oldnew[i]) {
			t.Fatalf("no %q in\n%s", oldnew[i], was)
		}
	}
	return strings.NewReplacer(oldnew...).Replace(was)
}

func TestCanary(t *testing.T) {
	const requests, points = 2000, 3
	const url = "http://canary.example.com/"
	w := start(t)
	w.example("canary", "stable", "canary")
	v := w.visit(w.programmed("web", 1), nil)
	w.serves(v, url, 200, "stable")
	w.serves(v, url, 200, "canary")
	traffic.WantShare(t, v.Tally(url, requests), "stable", 75, points)

	// The weights change under load: first to 8:2, then all the way to and fro.
	manifest := read(t, "canary", "canary.yaml")
	weights := func(stable, canary int) {
		w.apply(edit(t, manifest, "weight: 3", fmt.Sprintf("weight: %d", stable), "weight: 1", fmt.Sprintf("weight: %d", canary)))
	}
	asking := v.Ask(url, 4, 50)
	asking.More(100)
	weights(8, 2)
	asking.More(200)
	weights(0, 1)
	w.eventually("all requests to go to the canary", func() error { return asking.RestsFor("stable", 50) })
	weights(8, 2)
	before := asking.By("stable")
	w.eventually("requests to come back to stable", func() error {
		if asking.By("stable") == before {
			return fmt.Errorf("none came")
		}
		return nil
	})
	asking.End()
	traffic.WantShare(t, v.Tally(url, requests), "stable", 80, points)
}

func TestPathPrefixAndHeader(t *testing.T) {
	w := start(t)
	w.example("path-prefix-header", "echo")
	v := w.visit(w.programmed("web", 1), nil)
	w.serves(v, "http://www.example.com/get", 200, "echo")
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

func TestLeftAndRight(t *testing.T) {
	w := start(t)
	w.example("left-right", "left", "right")
	v := w.visit(w.programmed("web", 1), nil)
	for _, side := range []string{"left", "right"} {
		w.serves(v, "http://any.example.com/"+side, 200, side)
		a := v.Must("http://any.example.com/" + side + "/a/b")
		if !a.From(side) || a.Echo.Path != "/a/b" {
			t.Errorf("/%s/a/b was answered by %q, which saw %q; want %s and /a/b", side, a.Backend(), a.Echo.Path, side)
		}
	}
	v.Want("http://any.example.com/leftover", 404, "")
}

func TestQuickstart(t *testing.T) {
	w := start(t)
	certificate := traffic.NewCertificate(t, "shop.example.com")
	w.secret("shop-tls", certificate)
	w.example("quickstart", "shop-v1", "shop-v2")
	v := w.visit(w.programmed("web", 3), certificate.Pool()) // shop on both listeners, beta on http
	w.serves(v, "http://shop.example.com/", 200, "shop-v1")
	w.serves(v, "https://shop.example.com/", 200, "shop-v1")
	w.serves(v, "http://beta.example.com/", 200, "shop-v2")
	if got := v.Must("http://shop.example.com/api").Echo.Headers.Get("X-Served-By"); got != "cloudgate" {
		t.Errorf("X-Served-By = %q, want cloudgate", got)
	}
}
