package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// scratch is a folder for what several tests share.
var scratch string

// measuredTo is the file that gets what was measured, beside the log of the tests. Empty is none.
var measuredTo = os.Getenv("E2E_MEASURED")

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// What matters is in the States.
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	var err error
	if scratch, err = os.MkdirTemp("", "cloudgate-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if measuredTo != "" {
		if err := os.WriteFile(measuredTo, nil, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

var measuring sync.Mutex

// measured notes a figure.
func measured(t testing.TB, format string, args ...any) {
	t.Helper()
	figure := fmt.Sprintf(format, args...)
	t.Logf("MEASURED %s", figure)
	if measuredTo == "" {
		return
	}
	measuring.Lock()
	defer measuring.Unlock()
	f, err := os.OpenFile(measuredTo, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s: %s\n", t.Name(), figure); err != nil {
		t.Fatal(err)
	}
}
