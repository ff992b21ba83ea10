package reconciler

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// noteLimit is what the events API takes as a note, and more than anybody reads.
const noteLimit = 1000

func shorten(s string) string {
	if len(s) <= noteLimit {
		return s
	}
	cut := noteLimit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// some bounds how many of a list are named in a sentence.
const some = 5

func joinSome(list []string) string {
	if len(list) <= some {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:some], ", "), len(list)-some)
}

func driftNote(intro string, lines []string) string { return intro + joinSome(lines) }
