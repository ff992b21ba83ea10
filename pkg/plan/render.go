package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// Counts are the numbers of steps by Op.
type Counts struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
}

// Counts counts the steps.
func (p Plan) Counts() Counts {
	var c Counts
	for _, s := range p.Steps {
		switch s.Op {
		case Create:
			c.Create++
		case Update:
			c.Update++
		case Delete:
			c.Delete++
		}
	}
	return c
}

// String returns "2 to create, 1 to update, 0 to delete", or "nothing to do".
func (c Counts) String() string {
	if c == (Counts{}) {
		return "nothing to do"
	}
	return fmt.Sprintf("%d to create, %d to update, %d to delete", c.Create, c.Update, c.Delete)
}

type encodedStep struct {
	Op     string     `json:"op"`
	ID     graph.ID   `json:"id"`
	Why    string     `json:"why"`
	After  []int      `json:"after,omitempty"`
	Behind []int      `json:"behind,omitempty"`
	Want   graph.Spec `json:"want,omitempty"`
	Got    graph.Spec `json:"got,omitempty"`
}

type encodedPlan struct {
	Counts Counts        `json:"counts"`
	Steps  []encodedStep `json:"steps"`
}

// MarshalJSON implements json.Marshaler. Secrets in specs are of types that encode as a fixed word.
func (p Plan) MarshalJSON() ([]byte, error) {
	out := encodedPlan{Counts: p.Counts(), Steps: make([]encodedStep, 0, len(p.Steps))}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, encodedStep{Op: s.Op.String(), ID: s.ID(), Why: s.Why, After: s.After, Behind: s.Behind, Want: s.Want.Spec, Got: s.Got.Spec})
	}
	return json.Marshal(out)
}

// WriteYAML writes what MarshalJSON returns as YAML.
func (p Plan) WriteYAML(w io.Writer) error {
	raw, err := yaml.Marshal(p)
	if err != nil {
		return err
	}
	_, err = w.Write(raw)
	return err
}

// WriteText writes a line for each step: + for a create, ~ for an update, - for a delete, what it is about, and why. A create says
// what comes; that it does not exist yet goes without saying.
func (p Plan) WriteText(w io.Writer, colour bool) error {
	width := 0
	for _, s := range p.Steps {
		width = max(width, min(len(s.ID().String()), widestID))
	}
	var b strings.Builder
	for _, s := range p.Steps {
		line := fmt.Sprintf("%s %-*s  %s", sign(s.Op), width, s.ID(), about(s))
		if colour {
			line = paint(s.Op, line)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Line returns a step in one line, with what is deleted in words.
func (s Step) Line() string {
	text := fmt.Sprintf("%s %s: ", sign(s.Op), s.ID())
	if d, ok := s.Got.Spec.(graph.Describer); ok && s.Op == Delete {
		text += d.Describe() + ": "
	}
	return text + about(s)
}

// widestID is how far the column of reasons moves to the right for long names.
const widestID = 60

func about(s Step) string {
	if s.Op != Create {
		return s.Why
	}
	var parts []string
	if d, ok := s.Want.Spec.(graph.Describer); ok {
		parts = append(parts, d.Describe())
	}
	if s.Why != WhyNew || len(parts) == 0 {
		parts = append(parts, s.Why)
	}
	return strings.Join(parts, "; ")
}

func sign(op Op) string {
	switch op {
	case Create:
		return "+"
	case Update:
		return "~"
	case Delete:
		return "-"
	default:
		return "?"
	}
}

func paint(op Op, line string) string {
	const green, yellow, red, off = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
	switch op {
	case Create:
		return green + line + off
	case Update:
		return yellow + line + off
	case Delete:
		return red + line + off
	default:
		return line
	}
}
