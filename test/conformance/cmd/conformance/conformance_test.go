package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/gateway-api/conformance"
)

// TestImagesOfTheSuite holds the programs that conformance.mk builds against the images that the pinned suite wants.
func TestImagesOfTheSuite(t *testing.T) {
	list, err := images(conformance.Manifests, "base", "tests")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range list {
		names = append(names, i.name)
	}
	slices.Sort(names)
	if got, want := slices.Compact(names), []string{"coredns", "echo-basic"}; !slices.Equal(got, want) {
		t.Errorf("the manifests want images of %v; conformance.mk builds %v", got, want)
	}
}

func TestImages(t *testing.T) {
	manifests := fstest.MapFS{
		"base/a.yaml":  {Data: []byte("spec:\n  image: r.example/b/echo:v2 # why\n  - image: \"r.example:5000/echo:v1\"\n")},
		"base/b.yaml":  {Data: []byte("  image: r.example/b/echo:v2\n  image: r.example/c/echo:v3 # and why\n  # image: r.example/b/none:v1\n")},
		"other/c.yaml": {Data: []byte("  image: r.example/b/other:v1\n")},
	}
	got, err := images(manifests, "base")
	if err != nil {
		t.Fatal(err)
	}
	if want := []image{{"r.example/b", "echo", "v2"}, {"r.example/c", "echo", "v3"}, {"r.example:5000", "echo", "v1"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	manifests["base/d.yaml"] = &fstest.MapFile{Data: []byte("image: r.example:5000/untagged\n")}
	if _, err := images(manifests, "base"); err == nil {
		t.Error("an image without a tag is taken")
	}
}

func TestPost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		if string(body) != `{"a":1}` {
			http.Error(w, "not this", http.StatusBadRequest)
		}
	}))
	defer server.Close()
	for _, c := range []struct{ token, body, want string }{
		{"secret", `{"a":1}`, ""},
		{"other", `{"a":1}`, "401 Unauthorized: no"},
		{"secret", `{}`, "400 Bad Request: not this"},
	} {
		got := ""
		if err := post(server.URL, c.token, strings.NewReader(c.body)); err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s with %s: got %q, want %q", c.body, c.token, got, c.want)
		}
	}
}

func TestResults(t *testing.T) {
	events := `{"Time":"2026-01-01T00:00:00Z","Action":"run","Test":"TestConformance"}
{"Time":"2026-01-01T00:00:01Z","Action":"run","Test":"TestConformance/Good"}
{"Time":"2026-01-01T00:00:03Z","Action":"pass","Test":"TestConformance/Good","Elapsed":0.1}
{"Time":"2026-01-01T00:00:03Z","Action":"run","Test":"TestConformance/Bad"}
{"Action":"output","Test":"TestConformance/Bad/part","Output":"        \tError Trace:\tx.go:1\n"}
{"Action":"output","Test":"TestConformance/Bad/part","Output":"        \tError:      \tNot equal: \n"}
{"Action":"output","Test":"TestConformance/Bad/part","Output":"        \t            \t1 | 2\n"}
{"Action":"output","Test":"TestConformance/Bad/part","Output":"        \tTest:       \tTestConformance/Bad/part\n"}
{"Action":"output","Test":"TestConformance/Bad/part","Output":"        \tMessages:   \tthe sum\n"}
{"Action":"output","Test":"TestConformance/Bad/part","Output":"--- FAIL: TestConformance/Bad/part (0.00s)\n"}
{"Action":"fail","Test":"TestConformance/Bad/part"}
{"Time":"2026-01-01T00:00:04Z","Action":"fail","Test":"TestConformance/Bad"}
{"Action":"output","Test":"TestConformance/Left","Output":"    c.go:1: Skipping Left: suite does not support Doors\n"}
{"Action":"skip","Test":"TestConformance/Left"}
{"Action":"output","Test":"TestConformance/MeshOne","Output":"    c.go:1: Skipping MeshOne: suite does not support Mesh\n"}
{"Action":"skip","Test":"TestConformance/MeshOne"}
{"Action":"output","Test":"TestConformance/New","Output":"    c.go:1: Skipping New: suite does not support HTTPRouteRetry\n"}
{"Action":"skip","Test":"TestConformance/New"}
{"Action":"output","Test":"TestConformance/Other","Output":"    c.go:1: Skipping Other: test explicitly skipped\n"}
{"Action":"skip","Test":"TestConformance/Other"}
panic: and what it said last
{"Action":"run","Test":"TestConformance/Cut"}
`
	var progress, log bytes.Buffer
	r := newResults(&progress, &log, true)
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	want := "| test | result | time | why |\n|---|---|---|---|\n" +
		"| Bad | FAIL | 1s | Not equal: 1 \\| 2 the sum (part) |\n" +
		"| Cut | UNFINISHED | 0s |  |\n" +
		"| Left | SKIP | 0s | suite does not support Doors |\n" +
		"| New | ABSENT | 0s | suite does not support HTTPRouteRetry |\n" +
		"| Good | PASS | 2s |  |\n"
	if got := r.table(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if r.complete() {
		t.Error("complete, though a test was skipped and one did not end")
	}
	if !strings.Contains(log.String(), "panic: and what it said last") {
		t.Errorf("what is no event is not in the log:\n%s", log.String())
	}
}

func TestRun(t *testing.T) {
	good := `{"Action":"pass","Test":"TestConformance/Good"}`
	skip := `{"Action":"output","Test":"TestConformance/Left","Output":"Skipping Left: suite does not support Doors"}
{"Action":"skip","Test":"TestConformance/Left"}`
	tests := []struct {
		reason, script string
		complete, fail bool
		status         int
	}{
		{reason: "a test passed", script: "echo '" + good + "'"},
		{reason: "a test passed, and the command failed all the same", script: "echo '" + good + "'; exit 3", status: 3},
		{reason: "nothing ran", script: "true", fail: true},
		{reason: "a test was skipped, which is all right", script: "echo '" + good + "\n" + skip + "'"},
		{reason: "a test was skipped, which is not all right", script: "echo '" + good + "\n" + skip + "'", complete: true, fail: true},
		{reason: "the command was killed", script: "kill -9 $$", fail: true},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			status, err := run(io.Discard, []string{"sh", "-c", tt.script}, options{complete: tt.complete})
			if (err != nil) != tt.fail || status != tt.status {
				t.Errorf("got status %d, error %v; want status %d, an error: %t", status, err, tt.status, tt.fail)
			}
		})
	}
}

// TestReadmeSaysWhatTheReportsDo holds the README's table to the reports.
func TestReadmeSaysWhatTheReportsDo(t *testing.T) {
	reports, err := filepath.Glob("../../reports/*.yaml")
	if err != nil || len(reports) == 0 {
		t.Fatalf("reports: %v, %v", reports, err)
	}
	text, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := featureTable(reports)
	if err != nil {
		t.Fatal(err)
	}
	want, err := replaceTable(string(text), table)
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Error("the table of features in the README is not that of the reports: make conformance-readme")
	}
}

func TestCountWrites(t *testing.T) {
	line := func(stage, verb, user, resource, subresource, group string, code int) string {
		return fmt.Sprintf(`{"stage":%q,"verb":%q,"user":{"username":%q},"objectRef":{"resource":%q,"subresource":%q,"apiGroup":%q},"responseStatus":{"code":%d}}`+"\n",
			stage, verb, user, resource, subresource, group, code)
	}
	const api, us, user = "gateway.networking.k8s.io", "controller", "admin"
	log := line("ResponseComplete", "create", user, "gateways", "", api, 201) + line("ResponseComplete", "patch", user, "gateways", "", api, 200) +
		line("RequestReceived", "patch", us, "gateways", "status", api, 0) + line("ResponseComplete", "patch", us, "gateways", "status", api, 200) +
		line("ResponseComplete", "patch", us, "gateways", "status", api, 409) + line("ResponseComplete", "patch", us, "gateways", "", api, 200) +
		line("ResponseComplete", "get", us, "gateways", "", api, 200) + line("ResponseComplete", "patch", "another", "gateways", "status", api, 200) +
		line("ResponseComplete", "create", user, "httproutes", "", api, 201) + line("ResponseComplete", "create", user, "pods", "status", "", 201) + `{"stage":`
	got, err := countWrites(strings.NewReader(log), us)
	if err != nil {
		t.Fatal(err)
	}
	if want := []statusWrites{{resource: "gateways", changes: 2, objects: 1, written: 1, refused: 1}}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
