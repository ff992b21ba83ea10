//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// result is everything that one run found.
type result struct {
	targets []*target
	places  places
	options options
	rows    []row
	changes *changed
	lookups []lookup
	notes   []string
}

func (r *result) markdown() string {
	var s strings.Builder
	s.WriteString("# Proxy benchmark\n\n")
	r.writeConditions(&s)
	if len(r.rows) > 0 {
		r.writeRatios(&s)
		r.writeDetails(&s)
	}
	r.writeChanges(&s)
	r.writeLookups(&s)
	for _, note := range r.notes {
		fmt.Fprintf(&s, "\n%s\n", note)
	}
	return s.String()
}

func (r *result) writeConditions(s *strings.Builder) {
	fmt.Fprintf(s, "%d rounds of %v, in turns, over loopback. CPU: %s. Linux %s, %s. Where: %s.\n\n",
		r.options.rounds, r.options.length, cpuModel(), kernel(), runtime.Version(), r.places)
	for _, t := range r.targets {
		fmt.Fprintf(s, "* %s: %s\n", t.name, t.version)
	}
	s.WriteString("\n")
}

// writeRatios writes the table that matters: our CPU time against the others'.
func (r *result) writeRatios(s *strings.Builder) {
	ours := r.targets[0]
	s.WriteString("## CPU time\n\nMicroseconds of the proxy's CPU time per unit: the median, and the range over the rounds. A ratio below 1 means that " +
		ours.name + " needs less.\n\n| load | unit |")
	for _, t := range r.targets {
		fmt.Fprintf(s, " %s |", t.name)
	}
	for _, t := range r.targets[1:] {
		fmt.Fprintf(s, " %s/%s |", ours.name, t.name)
	}
	fmt.Fprintf(s, " allocations |\n|---|---|%s\n", strings.Repeat("---:|", 2*len(r.targets)))
	for _, row := range r.rows {
		fmt.Fprintf(s, "| %s | %s |", row.scenario.name, row.scenario.unit)
		for _, t := range r.targets {
			s.WriteString(row.cell(t, "%.2f (%.2f–%.2f)", sample.cost))
		}
		mine := row.samples[ours.name]
		for _, t := range r.targets[1:] {
			theirs := row.samples[t.name]
			if len(mine) == 0 || len(theirs) == 0 {
				s.WriteString(" – |")
				continue
			}
			fmt.Fprintf(s, " **%.2f** |", spreadOf(mine, sample.cost).median/spreadOf(theirs, sample.cost).median)
		}
		s.WriteString(row.cell(ours, "%.2f", func(s sample) float64 { return s.allocs }))
		s.WriteString("\n")
	}
}

// cell writes the median of a target's samples, and their range if format has room for it.
func (r row) cell(t *target, format string, of func(sample) float64) string {
	samples := r.samples[t.name]
	if len(samples) == 0 {
		return " – |"
	}
	v := spreadOf(samples, of)
	if strings.Count(format, "%") == 1 {
		return fmt.Sprintf(" "+format+" |", v.median)
	}
	return fmt.Sprintf(" "+format+" |", v.median, v.min, v.max)
}

// writeDetails writes what else was seen. At full load, who is faster also waits more for the load generator, and p99 is its queue.
func (r *result) writeDetails(s *strings.Builder) {
	s.WriteString("\n## Throughput, p99 and failures\n\nMedians. Except at the fixed rate, the load generator and the backend share one CPU and are often " +
		"the limit: these say less about the proxies than the table above.\n\n| load |")
	for _, t := range r.targets {
		fmt.Fprintf(s, " %s per second | p99 | failed |", t.name)
	}
	fmt.Fprintf(s, "\n|---|%s\n", strings.Repeat("---:|", 3*len(r.targets)))
	for _, row := range r.rows {
		fmt.Fprintf(s, "| %s |", row.scenario.name)
		for _, t := range r.targets {
			s.WriteString(row.cell(t, "%.0f", sample.perSecond))
			s.WriteString(row.p99Cell(t))
			failed := 0
			for _, sample := range row.samples[t.name] {
				failed += sample.failed
			}
			fmt.Fprintf(s, " %d |", failed)
		}
		s.WriteString("\n")
	}
}

func (r row) p99Cell(t *target) string {
	milliseconds := func(s sample) float64 { return float64(s.p99.Microseconds()) / 1000 }
	if samples := r.samples[t.name]; len(samples) == 0 || samples[0].p99 == 0 {
		return " – |"
	}
	return r.cell(t, "%.2f ms", milliseconds)
}

func (r *result) writeChanges(s *strings.Builder) {
	c := r.changes
	if c == nil {
		return
	}
	fmt.Fprintf(s, "\n## Configuration changes under load\n\n%d changes in %v, a route of 10,000 each, every second one to the route in use: "+
		"**%d failed requests** of %.0f. A change took %v of CPU on average, and Apply %v at the most, under a full CPU. "+
		"A request cost %.2f µs meanwhile, changes included, and %.2f µs without them.\n",
		c.Count, c.Elapsed.Round(time.Millisecond), c.load.failed, c.load.count,
		(c.Busy / time.Duration(max(c.Count, 1))).Round(100*time.Nanosecond), c.Slowest.Round(time.Microsecond), c.load.cost(), c.still.cost())
}

func (r *result) writeLookups(s *strings.Builder) {
	if len(r.lookups) == 0 {
		return
	}
	s.WriteString("\n## Route lookup\n\nRequests are spread over the whole table. A miss ends at the route that matches everything.\n\n" +
		"| routes | hit | miss | allocations | replace one route |\n|---:|---:|---:|---:|---:|\n")
	for _, l := range r.lookups {
		fmt.Fprintf(s, "| %d | %.0f ns | %.0f ns | %d | %.1f µs |\n", l.routes, l.hit, l.miss, l.allocs, l.edit)
	}
}

func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%d of %s", runtime.NumCPU(), strings.TrimSpace(value))
		}
	}
	return fmt.Sprintf("%d of unknown", runtime.NumCPU())
}

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
