package dev

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// colourCodes are the escapes that a tree may contain.
var colourCodes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// fit returns text and foot, both of whole lines, as they can be drawn on a terminal without its scrolling. Where they are too high,
// the end of text is left out, and a last line says how much. The first line of text stays in any case.
func fit(text, foot string, size Size) string {
	lines := slices.Collect(strings.Lines(text))
	room := size.Height - 1 - rows(foot, size.Width) // the cursor stands on a row of its own
	if size.Height <= 0 || rows(text, size.Width) <= room {
		return text + foot
	}
	hidden := func(n int) string {
		if n == 1 {
			return "… 1 line is hidden: the terminal is not high enough\n"
		}
		return fmt.Sprintf("… %d lines are hidden: the terminal is not high enough\n", n)
	}
	room -= rows(hidden(len(lines)), size.Width)
	shown := 0
	for used := 0; shown < len(lines); shown++ {
		used += rows(lines[shown], size.Width)
		if used > room && shown > 0 {
			break
		}
	}
	if shown == len(lines) { // a single line
		return text + foot
	}
	return strings.Join(lines[:shown], "") + foot + hidden(len(lines)-shown)
}

// rows is how many rows of a terminal lines take; a line that is longer than a row goes on in the next.
func rows(lines string, width int) int {
	n := 0
	for line := range strings.Lines(lines) {
		n++
		if width > 0 {
			n += max(utf8.RuneCountInString(colourCodes.ReplaceAllString(strings.TrimSuffix(line, "\n"), ""))-1, 0) / width
		}
	}
	return n
}
