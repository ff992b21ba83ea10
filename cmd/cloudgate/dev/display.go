package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is how States are shown.
type Format uint8

const (
	FormatTree  Format = iota // the whole tree, redrawn in place at every change: for a terminal
	FormatLines               // a line for each fact that changed: for a log
	FormatJSON                // a document for each State
)

// Display shows States, each when it differs from the one before.
type Display struct {
	out    io.Writer
	format Format
	facts  map[string]string
	order  []string
}

// NewDisplay shows on out.
func NewDisplay(out io.Writer, format Format) *Display {
	return &Display{out: out, format: format, facts: map[string]string{}}
}

// Show shows s.
func (d *Display) Show(s State) error {
	switch d.format {
	case FormatJSON:
		return WriteJSON(d.out, s)
	case FormatTree:
		// Home, and clear what is below: no flicker, and nothing of the last picture is left.
		if _, err := io.WriteString(d.out, "\x1b[H\x1b[2J"); err != nil {
			return err
		}
		return s.WriteTree(d.out)
	default:
		return d.showChanges(s)
	}
}

// WriteJSON writes s as one document on one line.
func WriteJSON(out io.Writer, s State) error { return json.NewEncoder(out).Encode(s) }

func (d *Display) showChanges(s State) error {
	var b strings.Builder
	now := map[string]string{}
	var order []string
	for _, l := range s.lines() {
		now[l.about] = l.what
		order = append(order, l.about)
		if was, known := d.facts[l.about]; !known || was != l.what {
			fmt.Fprintln(&b, printable(strings.TrimSuffix(l.about+": "+l.what, ": ")))
		}
	}
	for _, about := range d.order {
		if _, still := now[about]; !still {
			fmt.Fprintf(&b, "%s: gone\n", printable(about))
		}
	}
	d.facts, d.order = now, slices.Clip(order)
	_, err := io.WriteString(d.out, b.String())
	return err
}
