package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/gateway-api/pkg/features"
)

// outcomes of a test, in the order in which the table has them.
const (
	failed     = "FAIL"
	unfinished = "UNFINISHED"
	skipped    = "SKIP"
	passed     = "PASS"
	// foreign is a test of service meshes, which other profiles than ours are about.
	foreign = "MESH"
	// absent is a test of a feature whose fields the installed channel does not have.
	absent = "ABSENT"
)

// keep is how much of a test's output is remembered, to find the reason in.
const keep = 400

// result is what one test of the suite said.
type result struct {
	name    string
	outcome string
	began   time.Time // when it ran for the first time, or went on after it had let those go first that do not run in parallel
	elapsed time.Duration
	output  []string // the last lines, of its subtests too
	failed  []string // the subtests that failed
}

// results are those of a whole run.
type results struct {
	progress, log io.Writer
	standard      bool // the standard channel is installed
	tests         map[string]*result
}

func newResults(progress, log io.Writer, standard bool) *results {
	return &results{progress: progress, log: log, standard: standard, tests: map[string]*result{}}
}

func (r *results) take(e event) {
	if e.Action == "output" {
		_, _ = io.WriteString(r.log, e.Output) // a log that cannot be written does not stop the run
	}
	root, rest, below := strings.Cut(e.Test, "/")
	if !below { // of the run itself
		if e.Action == "output" && root == "" {
			_, _ = io.WriteString(r.progress, e.Output)
		}
		return
	}
	name, sub, isSub := strings.Cut(rest, "/")
	t := r.tests[name]
	if t == nil {
		t = &result{name: name, outcome: unfinished}
		r.tests[name] = t
	}
	switch e.Action {
	case "run", "cont":
		if !isSub {
			t.began = e.Time
		}
	case "output":
		if t.output = append(t.output, strings.TrimRight(e.Output, "\n")); len(t.output) > 2*keep {
			t.output = slices.Clone(t.output[keep:])
		}
	case "fail", "pass", "skip":
		if isSub {
			if e.Action == "fail" {
				t.failed = append(t.failed, sub)
			}
			return
		}
		t.outcome = strings.ToUpper(e.Action)
		if t.outcome == skipped {
			_, feature, _ := strings.Cut(t.reason(), " does not support ")
			switch {
			case feature == "Mesh":
				t.outcome = foreign
			case r.standard && features.GetFeature(features.FeatureName(feature)).Channel == features.FeatureChannelExperimental:
				t.outcome = absent
			case t.reason() == "test explicitly skipped": // because one alone was asked for
				delete(r.tests, name)
			}
		}
		// What the event says of it leaves out subtests that run in parallel.
		t.elapsed = e.Time.Sub(t.began).Round(100 * time.Millisecond)
		r.say(t)
	}
}

// say prints a line of progress. Tests that do not run are a matter for the summary.
func (r *results) say(t *result) {
	if !slices.Contains([]string{passed, failed}, t.outcome) {
		return
	}
	fmt.Fprintf(r.progress, "%s  %-4s  %-70s %7s\n", time.Now().Format(time.TimeOnly), t.outcome, t.name, t.elapsed)
	if t.outcome == failed {
		fmt.Fprintf(r.progress, "                %s\n", t.reason())
	}
}

// of returns the tests with an outcome, by name.
func (r *results) of(outcome string) []*result {
	var list []*result
	for _, t := range r.tests {
		if t.outcome == outcome {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *result) int { return strings.Compare(a.name, b.name) })
	return list
}

func (r *results) summary(w io.Writer) {
	for _, outcome := range []string{failed, unfinished, skipped} {
		for _, t := range r.of(outcome) {
			fmt.Fprintf(w, "%s  %s: %s\n", outcome, t.name, t.reason())
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped, %d did not end; %d are about service meshes, %d about what this channel lacks\n",
		len(r.of(passed)), len(r.of(failed)), len(r.of(skipped)), len(r.of(unfinished)), len(r.of(foreign)), len(r.of(absent)))
}

// complete tells whether every test about gateways ran.
func (r *results) complete() bool {
	return len(r.of(passed))+len(r.of(failed)) > 0 && len(r.of(skipped)) == 0 && len(r.of(unfinished)) == 0
}

// table returns all of it in Markdown.
func (r *results) table() string {
	var b strings.Builder
	b.WriteString("| test | result | time | why |\n|---|---|---|---|\n")
	for _, outcome := range []string{failed, unfinished, skipped, absent, passed} {
		for _, t := range r.of(outcome) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.name, t.outcome, t.elapsed, strings.ReplaceAll(t.reason(), "|", `\|`))
		}
	}
	return b.String()
}

// reason says in a line why a test failed or was skipped: what its assertion said, else the last line that it wrote.
func (t *result) reason() string {
	switch t.outcome {
	case passed:
		return ""
	case skipped, absent:
		for _, line := range t.output {
			if _, why, ok := strings.Cut(line, "Skipping "+t.name+": "); ok {
				return why
			}
		}
	}
	why := assertion(t.output)
	if why == "" {
		why = lastWords(t.output)
	}
	if len(t.failed) > 0 {
		why = fmt.Sprintf("%s (%s)", why, strings.Join(t.failed, ", "))
	}
	const limit = 600
	if len(why) > limit {
		why = why[:limit] + "…"
	}
	return why
}

// assertion returns the first failed one: its error and its message, which are blocks of lines under "Error:" and "Messages:".
func assertion(output []string) string {
	var words []string
	var block string
	for _, line := range output {
		text := strings.TrimSpace(line)
		label, after, labelled := strings.Cut(text, ":")
		switch {
		case labelled && slices.Contains([]string{"Error", "Messages"}, label):
			block, text = label, strings.TrimSpace(after)
		case labelled && slices.Contains([]string{"Error Trace", "Test"}, label):
			if block == "Messages" || block == "Error" && label == "Error Trace" {
				return strings.Join(words, " ")
			}
			block = ""
		case block != "" && isMark(text):
			return strings.Join(words, " ")
		}
		if block != "" && text != "" {
			words = append(words, text)
		}
	}
	return strings.Join(words, " ")
}

// lastWords returns the last line that is more than a mark of the test program's.
func lastWords(output []string) string {
	for _, line := range slices.Backward(output) {
		if text := strings.TrimSpace(line); text != "" && !isMark(text) && !strings.HasPrefix(text, "apply.go:") { // cleaning up comes last
			return text
		}
	}
	return ""
}

func isMark(text string) bool {
	return strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ")
}
