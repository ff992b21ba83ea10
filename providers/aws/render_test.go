package aws_test

import (
	"fmt"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// rendered is a cloud.Compiled for a golden file.
type rendered struct {
	Graph       graph.Graph `json:"graph"`
	Refused     []string    `json:"refused,omitempty"`
	Differences []string    `json:"differences,omitempty"`
}

func render(c cloud.Compiled) rendered {
	out := rendered{Graph: c.Graph}
	for _, r := range c.Refused {
		out.Refused = append(out.Refused, fmt.Sprintf("%s: %s: %s", place(r.Source), r.Kind, r.Text))
	}
	for _, d := range c.Differences {
		out.Differences = append(out.Differences, fmt.Sprintf("%s: %s", place(d.Source), d.Text))
	}
	return out
}

func place(s ir.Source) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s %s #%d", s.Kind, s.Namespace, s.Name, s.Section, s.Rule))
}
