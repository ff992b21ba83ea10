//go:build linux

package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

func samplesOf(costs ...int) []sample {
	var all []sample
	for _, cost := range costs {
		all = append(all, sample{load: load{count: 1000, length: time.Second, p99: time.Millisecond}, cpu: time.Duration(cost) * time.Millisecond, allocs: 0.25})
	}
	return all
}

func TestMarkdown(t *testing.T) {
	r := &result{
		targets: []*target{{name: oursName, version: "v1"}, {name: "nginx", version: "v2"}},
		options: options{rounds: 3, length: time.Second},
		rows: []row{
			{scenario{name: "one", unit: "request"}, map[string][]sample{oursName: samplesOf(9, 8, 20), "nginx": samplesOf(10, 12, 11)}},
			{scenario{name: "two", unit: "MiB"}, map[string][]sample{oursName: samplesOf(5, 5, 5, 6)}},
		},
		changes: &changed{Count: 1000, Elapsed: time.Second, Busy: time.Second / 10, load: samplesOf(7)[0], still: samplesOf(6)[0]},
		lookups: []lookup{{routes: 100, hit: 50, miss: 40, edit: 2.5}},
		notes:   []string{"Something to know."},
	}
	r.rows[0].samples["nginx"][1].failed = 3
	got := r.markdown()
	for _, want := range []string{
		"| one | request | 9.00 (8.00–20.00) | 11.00 (10.00–12.00) | **0.82** | 0.25 |\n",
		"| two | MiB | 5.00 (5.00–6.00) | – | – | 0.25 |\n",
		"| one | 1000 | 1.00 ms | 0 | 1000 | 1.00 ms | 3 |\n",
		"1000 changes in 1s",
		"**0 failed requests** of 1000. A change took 100µs of CPU",
		"cost 7.00 µs meanwhile, changes included, and 6.00 µs without",
		"| 100 | 50 ns | 40 ns | 0 | 2.5 µs |\n",
		"\nSomething to know.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in it, got:\n%s", want, got)
		}
	}
}

func TestSpread(t *testing.T) {
	got := spreadOf(samplesOf(4, 1, 3, 2), sample.cost)
	if want := (spread{median: 2.5, min: 1, max: 4}); got != want {
		t.Errorf("want %v, got %v", want, got)
	}
}

// TestProcess starts a shell with a child that uses CPU time, sees it in the parent's tree, and ends both by stopping the parent.
func TestProcess(t *testing.T) {
	p, err := start(context.Background(), -1, []string{"GREETING=hello"}, "/bin/sh", "-c",
		`echo a=$GREETING; (i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo b=done; read x) ; :`)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	found, err := p.addresses(2)
	if err != nil {
		t.Fatal(err)
	}
	if found["a"] != "hello" || found["b"] != "done" {
		t.Errorf("want a=hello and b=done, got %v", found)
	}
	if got, err := p.cpu(); got == 0 || err != nil {
		t.Errorf("want the time of the child, got %v, %v", got, err)
	}
	p.stop()
	if _, err := p.cpu(); err == nil {
		t.Error("want an error once it has ended")
	}
}

func TestStartFails(t *testing.T) {
	if _, err := start(context.Background(), -1, nil, "/does/not/exist"); err == nil {
		t.Error("want an error for a program that is not there")
	}
	p, err := start(context.Background(), -1, nil, "/bin/sh", "-c", "echo what is wrong >&2; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.addresses(1); err == nil || !strings.Contains(err.Error(), "what is wrong") {
		t.Errorf("want what the program said, got %v", err)
	}
}
