//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// sample is one turn of one proxy.
type sample struct {
	load
	cpu    time.Duration // that the proxy used
	allocs float64       // per unit; ours only
}

// cost is the CPU time of one unit, in microseconds.
func (s sample) cost() float64 { return float64(s.cpu.Nanoseconds()) / 1000 / s.count }

func (s sample) perSecond() float64 { return s.count / s.length.Seconds() }

// row is what came of a scenario.
type row struct {
	scenario scenario
	samples  map[string][]sample // by target
}

// measureAll runs everything.
func (b *bench) measureAll(ctx context.Context, o options) (*result, error) {
	r := &result{targets: b.targets, places: b.places, options: o}
	for _, s := range scenarios() {
		if !strings.Contains(s.name, o.only) {
			continue
		}
		row, err := b.measure(ctx, o, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		r.rows = append(r.rows, row)
	}
	if strings.Contains(changesName, o.only) {
		var err error
		if r.changes, err = b.measureChanges(ctx, o.length); err != nil {
			return nil, fmt.Errorf("%s: %w", changesName, err)
		}
	}
	if strings.Contains(lookupName, o.only) {
		var err error
		if r.lookups, err = measureLookups(); err != nil {
			return nil, fmt.Errorf("%s: %w", lookupName, err)
		}
	}
	r.notes = b.notes
	return r, nil
}

// measure gives each target its turn, round after round. Who begins moves on, so that nobody always follows the same one.
func (b *bench) measure(ctx context.Context, o options, s scenario) (row, error) {
	r := row{scenario: s, samples: map[string][]sample{}}
	var able []*target
	for _, t := range b.targets {
		if _, can := t.at[s.port]; can {
			able = append(able, t)
		}
	}
	for round := range o.rounds {
		for i := range able {
			t := able[(i+round)%len(able)]
			if round == 0 && o.warmUp > 0 {
				if _, err := s.run(ctx, b, t.at[s.port], o.warmUp); err != nil {
					return r, fmt.Errorf("%s: %w", t.name, err)
				}
			}
			sample, err := b.turn(ctx, t, s, o.length)
			if err != nil {
				return r, fmt.Errorf("%s: %w", t.name, err)
			}
			fmt.Fprintf(os.Stderr, "%-36s round %d  %-10s %8.2f µs/%s  %9.0f/s  p99 %v%s\n",
				s.name, round+1, t.name, sample.cost(), s.unit, sample.perSecond(), sample.p99, failedText(sample.failed))
			r.samples[t.name] = append(r.samples[t.name], sample)
		}
	}
	return r, nil
}

func failedText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("  %d FAILED", n)
}

func (b *bench) turn(ctx context.Context, t *target, s scenario, length time.Duration) (sample, error) {
	before, err := t.usage()
	if err != nil {
		return sample{}, err
	}
	l, err := s.run(ctx, b, t.at[s.port], length)
	if err != nil {
		return sample{}, err
	}
	after, err := t.usage()
	if err != nil {
		return sample{}, err
	}
	if l.count == 0 {
		return sample{}, fmt.Errorf("nothing was answered; %d failed", l.failed)
	}
	return sample{load: l, cpu: after.cpu - before.cpu, allocs: float64(after.mallocs-before.mallocs) / l.count}, nil
}

type usage struct {
	cpu     time.Duration
	mallocs uint64
}

func (t *target) usage() (usage, error) {
	var u usage
	var err error
	if _, ours := t.at[control]; ours {
		if u.mallocs, err = t.mallocs(); err != nil {
			return u, err
		}
	}
	u.cpu, err = t.process.cpu()
	return u, err
}

// spread is the median of some numbers, and their range.
type spread struct{ median, min, max float64 }

func spreadOf(samples []sample, of func(sample) float64) spread {
	numbers := make([]float64, len(samples))
	for i, s := range samples {
		numbers[i] = of(s)
	}
	slices.Sort(numbers)
	middle := len(numbers) / 2
	median := numbers[middle]
	if len(numbers)%2 == 0 {
		median = (numbers[middle-1] + numbers[middle]) / 2
	}
	return spread{median: median, min: numbers[0], max: numbers[len(numbers)-1]}
}
