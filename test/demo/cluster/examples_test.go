package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryExampleIsInTheDemo: an example that nobody asks anything proves nothing.
func TestEveryExampleIsInTheDemo(t *testing.T) {
	root := filepath.Join("..", "..", "..", "examples")
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, folder := range folders {
		want = append(want, folder.Name())
	}
	for _, e := range examples {
		got = append(got, e.name)
	}
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("in the demo: %v, in examples: %v", got, want)
	}
}

// TestKustomizationsNameEveryManifest: what a cluster gets is all of an example but the endpoints of `cloudgate dev`.
func TestKustomizationsNameEveryManifest(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "examples", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(file), "Kustomization"))
		if err != nil {
			t.Fatal(err)
		}
		named := strings.Contains(string(content), "\n- "+filepath.Base(file)+"\n")
		if want := filepath.Base(file) != "dev-endpoints.yaml"; named != want {
			t.Errorf("%s: named %v, want %v", file, named, want)
		}
	}
}

func TestWhatAGatewayWaitsFor(t *testing.T) {
	for _, c := range []struct{ status, want, reason string }{
		{`{}`, "no condition Programmed", "nobody has looked at it"},
		{`{"conditions":[{"type":"Programmed","status":"True","observedGeneration":1}],"addresses":[{"type":"IPAddress","value":"172.30.0.9"}]}`,
			"not looked at as it is now", "what was true of an earlier generation"},
		{`{"conditions":[{"type":"Programmed","status":"False","reason":"Pending","message":"soon","observedGeneration":2}]}`,
			"Pending: soon", "the cloud is at work"},
		{`{"conditions":[{"type":"Programmed","status":"True","observedGeneration":2}]}`, "no address", "nowhere to send requests"},
		{`{"conditions":[{"type":"Programmed","status":"True","observedGeneration":2}],"addresses":[{"type":"IPAddress","value":"172.30.0.9"}]}`,
			"", "it serves"},
	} {
		var g gateway
		if err := json.Unmarshal([]byte(`{"metadata":{"generation":2},"status":`+c.status+`}`), &g); err != nil {
			t.Fatal(err)
		}
		if got := g.waitsFor(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
		}
	}
}
