package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Display shows a State of d. It is called with each State, and from time to time with the one that there was.
type Display func(ctx context.Context, d *Dev, s State) error

// ShowJSON writes each State as one document on one line.
func ShowJSON(out io.Writer) Display {
	return func(_ context.Context, _ *Dev, s State) error { return json.NewEncoder(out).Encode(s) }
}

// ShowTree draws the tree, once.
func ShowTree(out io.Writer, colour bool) Display {
	return func(ctx context.Context, d *Dev, s State) error { return d.WriteTree(ctx, out, s, colour) }
}

// Size is that of a terminal, in characters. Zero is without bounds.
type Size struct{ Width, Height int }

// ShowLiveTree draws the tree on a terminal, again and in place whenever it, or what fits on the terminal, has become another. size is
// asked at each drawing.
func ShowLiveTree(out io.Writer, colour bool, size func() Size) Display {
	var last []byte
	return func(ctx context.Context, d *Dev, s State) error {
		var text strings.Builder
		if err := d.WriteTree(ctx, &text, s, colour); err != nil {
			return err
		}
		foot := fmt.Sprintf("\nFake cloud: %s%s   Change the files, and this changes. Ctrl-C ends.\n", d.Cloud(), d.awsWords())
		// Home, and clear what is below: nothing of the last picture is left.
		now := []byte("\x1b[H\x1b[2J" + fit(text.String(), foot, size()))
		if bytes.Equal(now, last) {
			return nil
		}
		last = now
		_, err := out.Write(now)
		return err
	}
}

// ShowChanges writes a line for each fact that changed: for logs.
func ShowChanges(out io.Writer) Display {
	facts, order := map[string]string{}, []string(nil)
	return func(_ context.Context, _ *Dev, s State) error {
		var b strings.Builder
		now := map[string]string{}
		var seen []string
		for _, l := range s.lines() {
			now[l.about] = l.what
			if !l.passing {
				seen = append(seen, l.about)
			}
			if was, known := facts[l.about]; !known || was != l.what {
				fmt.Fprintln(&b, printable(strings.TrimSuffix(l.about+": "+l.what, ": ")))
			}
		}
		for _, about := range order {
			if _, still := now[about]; !still {
				fmt.Fprintf(&b, "%s: gone\n", printable(about))
			}
		}
		facts, order = now, slices.Clip(seen)
		_, err := io.WriteString(out, b.String())
		return err
	}
}
