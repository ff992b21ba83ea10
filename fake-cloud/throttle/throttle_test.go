package throttle

import (
	"testing"
	"time"
)

func TestWaitIsEnough(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := New(map[string]Rate{"write": {PerSecond: 10, Burst: 3}})
	taken := 0
	for range 100 {
		if wait := b.Take("write", now); wait > 0 {
			if wait > 100*time.Millisecond {
				t.Fatalf("a token comes every 100ms, and the wait is %s", wait)
			}
			now = now.Add(wait)
			if b.Take("write", now) > 0 {
				t.Fatal("who waited as told got nothing")
			}
		}
		taken++
	}
	if b.Take("read", now) != 0 {
		t.Error("a class without a rate was held back")
	}
}
