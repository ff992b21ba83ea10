package dev

import (
	"strings"
	"testing"
)

func TestTreeFitsTheTerminal(t *testing.T) {
	const foot = "\nfoot\n"
	five := "1\n2\n3\n4\n5\n"
	long := "\x1b[31m" + strings.Repeat("é", 100) + "\x1b[0m\n"
	for _, tc := range []struct {
		name, text string
		size       Size
		want       string
	}{
		{"no terminal", five, Size{}, five + foot},
		{"just high enough", five, Size{100, 8}, five + foot},
		{"one row short", five, Size{100, 7}, "1\n2\n3\n" + foot + "… 2 lines are hidden: the terminal is not high enough\n"},
		{"very low", five, Size{100, 1}, "1\n" + foot + "… 4 lines are hidden: the terminal is not high enough\n"},
		{"a full row is one", long + "2\n", Size{100, 5}, long + "2\n" + foot},
		{"a line of two rows", "1\n" + long, Size{99, 5}, "1\n" + foot + "… 1 line is hidden: the terminal is not high enough\n"},
		{"a line of two rows that fits", "1\n" + long, Size{99, 6}, "1\n" + long + foot},
		{"a single line", "1\n", Size{100, 1}, "1\n" + foot},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := fit(tc.text, foot, tc.size); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
