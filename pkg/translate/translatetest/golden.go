package translatetest

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Golden compares what came out with a file, or with update writes it there.
func Golden(t testing.TB, path string, got []byte, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what comes out (-want +got):\n%s", path, diff)
	}
}
