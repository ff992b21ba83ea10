package status

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// TestEveryCodeHasASentence holds that nothing a Report can say goes without words of its own.
func TestEveryCodeHasASentence(t *testing.T) {
	whole := regexp.MustCompile(`^[a-zA-Z0-9\["].*\.$`)
	seen := map[string]translate.Code{}
	for _, code := range append(translate.Codes(), codeRejected, codeRefused, codeDifferent) {
		p := translate.Problem{Code: code, Where: "here", Value: "V", Detail: "D", Feature: ir.FeatureUDP,
			Object: translate.Object{Kind: "Service", Namespace: "ns", Name: "name"}}
		got := sentence(p)
		if got == at(p)+"it is not valid." {
			t.Errorf("code %d has no sentence", code)
		}
		if !whole.MatchString(got) || strings.Contains(got, "%!") || strings.Contains(got, "  ") {
			t.Errorf("code %d: %q is no sentence", code, got)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("codes %d and %d have the same sentence %q", other, code, got)
		}
		seen[got] = code
	}
}

func TestSentencesAreBounded(t *testing.T) {
	long := strings.Repeat("é", 5000)
	var problems []translate.Problem
	for i := range 50 {
		problems = append(problems, translate.Problem{Code: translate.CodeValueInvalid, Where: ruleName(i), Value: long, Detail: long})
	}
	got := shorten(sentences(problems), maxMessage)
	if len(got) > maxMessage || !strings.Contains(sentences(problems), "And 44 more.") {
		t.Errorf("a message of %d bytes, want at most %d, with the rest counted", len(got), maxMessage)
	}
	if strings.ToValidUTF8(got, "") != got {
		t.Error("a message is cut within a character")
	}
}

func TestListIsSortedAndBounded(t *testing.T) {
	got := list([]string{"b.", "a", "b", "h", "g", "f", "e", "d", "c"})
	if want := "a; b; c; d; e; f; and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
