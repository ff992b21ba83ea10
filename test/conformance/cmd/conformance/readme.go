package main

import (
	"errors"
	"fmt"
	"os"
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

func replaceTable(text, table string) (string, error) {
	before, rest, begins := strings.Cut(text, tableBegin+"\n")
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return "", errors.New("there is no place for the table of features")
	}
	return before + tableBegin + "\n" + table + tableEnd + after, nil
}

// featureTable says of each report which profiles passed with how many tests, and once for all of them which features that were.
func featureTable(paths []string) (string, error) {
	var out strings.Builder
	out.WriteString("\n| Channel | Profile | Core tests | Extended tests | Failed or skipped |\n|---|---|---|---|---|\n")
	var supported, unsupported []string
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
		for _, p := range r.ProfileReports {
			bad := p.Core.Failed + p.Core.Skipped
			extended := uint32(0)
			if p.Extended != nil {
				extended = p.Extended.Passed
				bad += p.Extended.Failed + p.Extended.Skipped
				supported = append(supported, p.Extended.SupportedFeatures...)
				if r.GatewayAPIChannel == "experimental" {
					unsupported = append(unsupported, p.Extended.UnsupportedFeatures...)
				}
			}
			fmt.Fprintf(&out, "| %s | %s | %d | %d | %d |\n", r.GatewayAPIChannel, p.Name, p.Core.Passed, extended, bad)
		}
	}
	fmt.Fprintf(&out, "\n%s\n", paragraph("Extended features that passed", supported))
	if len(unsupported) > 0 {
		fmt.Fprintf(&out, "\n%s\n", paragraph("Not supported", unsupported))
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
