package server

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// requests returns the request of a snapshot of the SDK, and the same with no parameters.
func requests(t *testing.T, path, url string) []*http.Request {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(raw), "\n\n", 3)
	if len(parts) != 3 {
		t.Fatalf("%s is not a snapshot", path)
	}
	bodies := []string{parts[2]}
	if strings.Contains(parts[1], "x-www-form-urlencoded") {
		var kept []string
		for pair := range strings.SplitSeq(parts[2], "&") {
			if strings.HasPrefix(pair, "Action=") || strings.HasPrefix(pair, "Version=") {
				kept = append(kept, pair)
			}
		}
		bodies = append(bodies, strings.Join(kept, "&"))
		// A dry run asks the account nothing.
		bodies[0] = strings.Replace(bodies[0], "DryRun=true", "DryRun=false", 1)
	} else {
		bodies = append(bodies, "{}")
	}
	var list []*http.Request
	for _, body := range bodies {
		r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(parts[1], "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		list = append(list, r)
	}
	return list
}
