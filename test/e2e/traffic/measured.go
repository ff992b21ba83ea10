package traffic

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// Patience bounds every wait. It is generous: a slow machine is no failure.
const Patience = 60 * time.Second

// measuredTo is the file that gets what was measured, beside the log of the tests. Empty is none.
var measuredTo = os.Getenv("E2E_MEASURED")

var measuring sync.Mutex

// ForgetMeasured empties the file of measurements: a run of tests begins with it.
func ForgetMeasured() error {
	if measuredTo == "" {
		return nil
	}
	return os.WriteFile(measuredTo, nil, 0o600)
}

// Measured notes a figure: what is measured and not asserted.
func Measured(t testing.TB, format string, args ...any) {
	t.Helper()
	figure := fmt.Sprintf(format, args...)
	t.Logf("MEASURED %s", figure)
	if measuredTo == "" {
		return
	}
	measuring.Lock()
	defer measuring.Unlock()
	f, err := os.OpenFile(measuredTo, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s: %s\n", t.Name(), figure); err != nil {
		t.Fatal(err)
	}
}

// Eventually tries again until try succeeds, for at most Patience. what says what is waited for.
func Eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	Within(t, Patience, 2*time.Millisecond, what, try)
}

// Within tries again, with a rest between the tries, until try succeeds or the patience is at its end.
func Within(t testing.TB, patience, rest time.Duration, what string, try func() error) {
	t.Helper()
	over := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
		time.Sleep(rest)
	}
}
