//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const wrkOutput = `Running 1s test @ http://127.0.0.1:43181/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   733.06us  291.53us  13.44ms   99.50%
    Req/Sec    87.77k     3.23k   92.61k    80.00%
  Latency Distribution
     50%  720.00us
     75%  742.00us
     90%  774.00us
     99%    1.02ms
  87334 requests in 1.00s, 98.70MB read
`

func TestParseWrk(t *testing.T) {
	for _, test := range []struct {
		reason, out string
		want        load
		wantErr     bool
	}{
		{"all went well", wrkOutput, load{count: 87334, length: time.Second, p99: 1020 * time.Microsecond}, false},
		{"failures of both kinds add up", wrkOutput + "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 100\nRequests/sec:  87219.97\n",
			load{count: 87334, length: time.Second, p99: 1020 * time.Microsecond, failed: 110}, false},
		{"minutes and seconds", strings.NewReplacer("1.02ms", "2.00s", "in 1.00s", "in 1.50m").Replace(wrkOutput),
			load{count: 87334, length: 90 * time.Second, p99: 2 * time.Second}, false},
		{"nothing to read", "unable to connect", load{}, true},
	} {
		got, err := parseWrk(test.out)
		if (err != nil) != test.wantErr {
			t.Errorf("%s: want an error: %v, got %v", test.reason, test.wantErr, err)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(load{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

const h2loadOutput = `starting benchmark...
spawning thread #0: 8 total client(s). Timing-based test with 0s of warm-up time and 1s of main duration for measurements.
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.00s, 82154.00 req/s, 87.02MB/s
requests: 82154 total, 82282 started, 82154 done, 82150 succeeded, 3 failed, 1 errored, 0 timeout
status codes: 82151 2xx, 0 3xx, 0 4xx, 3 5xx
`

func TestParseH2load(t *testing.T) {
	got, err := parseH2load(h2loadOutput)
	if err != nil {
		t.Fatal(err)
	}
	want := load{count: 82150, length: time.Second, failed: 4}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(load{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := parseH2load("could not connect"); err == nil {
		t.Error("want an error where there are no totals")
	}
}

func TestH2loadP99(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	var lines strings.Builder
	for i := range 100 {
		lines.WriteString("1700000000000000\t200\t" + strings.Repeat("9", 1+(99-i)/50) + "\n")
	}
	if err := os.WriteFile(log, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := h2loadP99(log)
	if want := 99 * time.Microsecond; got != want || err != nil {
		t.Errorf("want %v, got %v, %v", want, got, err)
	}
	for _, bad := range []string{"", "1\t200\n", "1\t200\tx\n"} {
		if err := os.WriteFile(log, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h2loadP99(log); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "4242 (a ) name) S 17 4242 4242 0 -1 4194304 100 0 0 0 150 25 9 9 20 0 1 0 100 1000 10"
	got, err := parseStat([]byte(line))
	if want := (stat{parent: 17, cpu: 1750 * time.Millisecond}); got != want || err != nil {
		t.Errorf("want %v, got %v, %v", want, got, err)
	}
	if _, err := parseStat([]byte("1 (x) S")); err == nil {
		t.Error("want an error for a line that is cut")
	}
}

func TestBelow(t *testing.T) {
	stats := map[int]stat{1: {}, 10: {parent: 1}, 11: {parent: 10}, 12: {parent: 11}, 20: {parent: 1}, 30: {parent: 31}, 31: {parent: 30}}
	for pid, want := range map[int]bool{10: true, 11: true, 12: true, 20: false, 1: false, 30: false, 99: false} {
		if got := below(stats, pid, 10); got != want {
			t.Errorf("%d below 10: want %v, got %v", pid, want, got)
		}
	}
}
