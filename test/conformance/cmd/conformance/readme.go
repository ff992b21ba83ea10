package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	report "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/yaml"
)

// The table of features in the README stands between these lines.
const (
	tableBegin = "<!-- What follows comes from test/conformance/reports, by make conformance-readme. -->"
	tableEnd   = "<!-- Until here. -->"
)

// writeReadme puts the table of the reports into a file that has a place for it.
func writeReadme(path string, reports []string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	table, err := featureTable(reports)
	if err != nil {
		return err
	}
	next, err := replaceTable(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(next), 0o644)
}

// classOf returns the GatewayClass that a report is about, which its name begins with where it is not the fake cloud's.
func classOf(path string) string {
	if class, _, of := strings.Cut(filepath.Base(path), "-"); of {
		return class
	}
	return "fake"
}

func replaceTable(text, table string) (string, error) {
	before, rest, begins := strings.Cut(text, tableBegin+"\n")
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return "", errors.New("there is no place for the table of features")
	}
	return before + tableBegin + "\n" + table + tableEnd + after, nil
}

// featureTable says of each report which profiles passed with how many tests, and once for each class which features that were.
func featureTable(paths []string) (string, error) {
	var out strings.Builder
	out.WriteString("\n| Class | Channel | Profile | Core tests | Extended tests | Failed | Skipped |\n|---|---|---|---|---|---|---|\n")
	supported, unsupported := map[string][]string{}, map[string][]string{}
	left := map[string]uint32{} // tests that were skipped
	var classes []string
	fakeFirst := func(a, b string) int { return strings.Compare(b, a) }
	paths = slices.Clone(paths)
	slices.SortStableFunc(paths, func(a, b string) int { return fakeFirst(classOf(a), classOf(b)) })
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		var r report.ConformanceReport
		if err := yaml.UnmarshalStrict(raw, &r); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		slices.SortFunc(r.ProfileReports, func(a, b report.ProfileReport) int { return strings.Compare(a.Name, b.Name) })
		class := classOf(path)
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
		for _, p := range r.ProfileReports {
			failures, skips, extended := p.Core.Failed, p.Core.Skipped, uint32(0)
			if p.Extended != nil {
				extended = p.Extended.Passed
				failures, skips = failures+p.Extended.Failed, skips+p.Extended.Skipped
				supported[class] = append(supported[class], p.Extended.SupportedFeatures...)
				if r.GatewayAPIChannel == "experimental" {
					unsupported[class] = append(unsupported[class], p.Extended.UnsupportedFeatures...)
				}
			}
			left[class] += skips
			fmt.Fprintf(&out, "| %s | %s | %s | %d | %d | %d | %d |\n", class, r.GatewayAPIChannel, p.Name, p.Core.Passed, extended, failures, skips)
		}
	}
	for _, class := range classes {
		what := "Extended features that passed on " + class
		if left[class] > 0 {
			what = fmt.Sprintf("Extended features that %s claims, of which %d tests (of core features, too) were left out, as docs/%s.md says and why", class, left[class], class)
		}
		fmt.Fprintf(&out, "\n%s\n", paragraph(what, supported[class]))
		if len(unsupported[class]) > 0 {
			fmt.Fprintf(&out, "\n%s\n", paragraph("Not supported by "+class, unsupported[class]))
		}
	}
	return out.String(), nil
}

// paragraph lists names, each once, in lines that an editor can show.
func paragraph(what string, names []string) string {
	const width = 140
	slices.Sort(names)
	var lines []string
	line := what + ":"
	for _, name := range slices.Compact(names) {
		if len(line)+len(name)+2 > width {
			lines, line = append(lines, line), name+","
			continue
		}
		line += " " + name + ","
	}
	return strings.Join(append(lines, strings.TrimRight(line, ",")+"."), "\n")
}
