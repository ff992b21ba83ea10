package tree

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// State is how an item is.
type State string

const (
	OK       State = "ok"
	Unknown  State = "unknown"  // nobody said yet
	Pending  State = "pending"  // somebody is working on it
	Degraded State = "degraded" // it works in part
	Wrong    State = "wrong"
)

// Item is one thing in the tree.
type Item struct {
	Kind     string   `json:"kind"` // of the API, or "listener", "rule", "pool", "backend", "target"
	Name     string   `json:"name"`
	Summary  string   `json:"summary,omitempty"`
	State    State    `json:"state"`
	Problems []string `json:"problems,omitempty"`
	Items    []Item   `json:"items,omitempty"`
}

// Wrong tells whether anything in the tree is.
func (i Item) Wrong() bool {
	if i.State == Wrong || i.State == Degraded || len(i.Problems) > 0 {
		return true
	}
	for _, child := range i.Items {
		if child.Wrong() {
			return true
		}
	}
	return false
}

const (
	green, yellow, red, dim, off = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
)

// WriteText draws the tree, a line for each item and each problem. What comes from manifests cannot steer the terminal.
func (i Item) WriteText(w io.Writer, colour bool) error {
	d := drawer{colour: colour}
	d.line("", "", i)
	d.below("", i)
	_, err := io.WriteString(w, d.text.String())
	return err
}

type drawer struct {
	text   strings.Builder
	colour bool
}

func (d *drawer) paint(colour, s string) string {
	if !d.colour || s == "" {
		return s
	}
	return colour + s + off
}

func (d *drawer) mark(s State) string {
	switch s {
	case OK:
		return d.paint(green, "✓")
	case Pending:
		return d.paint(yellow, "…")
	case Degraded:
		return d.paint(yellow, "~")
	case Wrong:
		return d.paint(red, "✗")
	case Unknown:
	}
	return d.paint(dim, "·")
}

func (d *drawer) line(indent, branch string, i Item) {
	fmt.Fprintf(&d.text, "%s%s %s %s", d.paint(dim, indent+branch), d.mark(i.State), i.Kind, printable(i.Name))
	if i.Summary != "" {
		fmt.Fprintf(&d.text, "  %s", printable(i.Summary))
	}
	d.text.WriteByte('\n')
}

// below draws what hangs on an item: its problems first.
func (d *drawer) below(indent string, i Item) {
	for n, problem := range i.Problems {
		branch := "├─ "
		if n == len(i.Problems)-1 && len(i.Items) == 0 {
			branch = "└─ "
		}
		fmt.Fprintf(&d.text, "%s%s\n", d.paint(dim, indent+branch), d.paint(red, "! "+printable(problem)))
	}
	for n, child := range i.Items {
		branch, next := "├─ ", "│  "
		if n == len(i.Items)-1 {
			branch, next = "└─ ", "   "
		}
		d.line(indent, branch, child)
		d.below(indent+next, child)
	}
}

// printable replaces what is not a visible character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
