package route

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// detailed is a Detailed made of plain values.
type detailed struct {
	request
	fields, pairs [][2]string
	source        netip.Addr
}

func (d *detailed) HeaderAt(name string, at int) (string, int) {
	for ; at < len(d.fields); at++ {
		if d.fields[at][0] == name {
			return d.fields[at][1], at + 1
		}
	}
	return "", 0
}

func (d *detailed) QueryAt(at int) (key, value string, next int) {
	if at >= len(d.pairs) {
		return "", "", 0
	}
	return d.pairs[at][0], d.pairs[at][1], at + 1
}

func (d *detailed) Source() netip.Addr { return d.source }

func globs(values ...string) []Pattern {
	var patterns []Pattern
	for _, v := range values {
		patterns = append(patterns, Pattern{Value: v})
	}
	return patterns
}

func key(k string) *string { return &k }

func TestConditions(t *testing.T) {
	r := &detailed{
		request: request{host: "api.a.test", path: "/img/a*b.PNG", method: "GET"},
		fields:  [][2]string{{"x-a", "one"}, {"x-b", "Two"}, {"x-a", "three"}},
		pairs:   [][2]string{{"Version", "V1"}, {"q", "a?b"}},
		source:  netip.MustParseAddr("10.1.2.3"),
	}
	for _, test := range []struct {
		name string
		c    Condition
		want bool
	}{
		{"host glob", Condition{Subject: SubjectHost, Values: globs("b.test", "*.a.test")}, true},
		{"host glob matches all of it", Condition{Subject: SubjectHost, Values: globs("a.test", "api.*.te")}, false},
		{"one character each", Condition{Subject: SubjectHost, Values: globs("???.a.test")}, true},
		{"one character too many", Condition{Subject: SubjectHost, Values: globs("????.a.test")}, false},
		{"path glob keeps case", Condition{Subject: SubjectPath, Values: globs("/img/*.png")}, false},
		{"path glob", Condition{Subject: SubjectPath, Values: globs("/img/*.PNG")}, true},
		{"path glob without case", Condition{Subject: SubjectPath, Values: []Pattern{{Value: "/IMG/*.png", Fold: true}}}, true},
		{"escaped star", Condition{Subject: SubjectPath, Values: globs(`/img/a\*b.PNG`)}, true},
		{"escaped star is no wildcard", Condition{Subject: SubjectPath, Values: globs(`/img/\*.PNG`)}, false},
		{"path expression", Condition{Subject: SubjectPath, Values: []Pattern{{Kind: PatternRegex, Value: "/img/.*[.]PNG"}}}, true},
		{"path expression matches all of it", Condition{Subject: SubjectPath, Values: []Pattern{{Kind: PatternRegex, Value: "/img"}}}, false},
		{"method", Condition{Subject: SubjectMethod, Values: globs("HEAD", "GET")}, true},
		{"other method", Condition{Subject: SubjectMethod, Values: globs("get")}, false},
		{"second field of the name", Condition{Subject: SubjectHeader, Name: "x-a", Values: globs("th*")}, true},
		{"fields are not joined", Condition{Subject: SubjectHeader, Name: "x-a", Values: globs("one,*")}, false},
		{"field without case", Condition{Subject: SubjectHeader, Name: "x-b", Values: []Pattern{{Value: "tWO", Fold: true}}}, true},
		{"no such field", Condition{Subject: SubjectHeader, Name: "x-c", Values: globs("*")}, false},
		{"parameter", Condition{Subject: SubjectQuery, Values: []Pattern{{Key: key("version"), Value: "v?", Fold: true}}}, true},
		{"parameter of any name", Condition{Subject: SubjectQuery, Values: globs(`a\?b`)}, true},
		{"value of another parameter", Condition{Subject: SubjectQuery, Values: []Pattern{{Key: key("q"), Value: "V1"}}}, false},
		{"parameter by expression", Condition{Subject: SubjectQuery, Values: []Pattern{{Kind: PatternRegex, Key: key("[qr]"), Value: "a.b"}}}, true},
		{"source", Condition{Subject: SubjectSource, Sources: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("10.0.0.0/8")}}, true},
		{"other source", Condition{Subject: SubjectSource, Sources: []netip.Prefix{netip.MustParsePrefix("10.1.2.4/32")}}, false},
		{"no alternative", Condition{Subject: SubjectHost}, false},
	} {
		table := with(t, nil, Route[int]{ID: "r", Rank: "1", Match: Match{All: []Condition{{Subject: SubjectPath, Values: globs("/*")}, test.c}}})
		if _, got := table.Lookup(r); got != test.want {
			t.Errorf("%s: want %v, got %v", test.name, test.want, got)
		}
	}
}

func TestConditionsOfAPlainRequest(t *testing.T) {
	r := &request{headers: map[string]string{"x-a": "one,three"}, query: map[string]string{"q": "1"}}
	for want, c := range map[bool]Condition{
		true:  {Subject: SubjectHeader, Name: "x-a", Values: globs("one,*")},
		false: {Subject: SubjectQuery, Values: globs("*")},
	} {
		if _, got := with(t, nil, Route[int]{ID: "r", Rank: "1", Match: Match{All: []Condition{c}}}).Lookup(r); got != want {
			t.Errorf("subject %d: want %v, got %v", c.Subject, want, got)
		}
	}
}

func TestPutRefusesConditions(t *testing.T) {
	for want, c := range map[string]Condition{
		`route "r": condition 1: unknown subject 0`:                                                           {},
		`route "r": condition 1: unknown subject 9`:                                                           {Subject: 9},
		`route "r": condition 1: a field without a name`:                                                      {Subject: SubjectHeader, Values: globs("*")},
		`route "r": condition 1: value 1: unknown kind 7`:                                                     {Subject: SubjectHost, Values: []Pattern{{Kind: 7}}},
		`route "r": condition 1: value 1: a pattern longer than 4096 bytes`:                                   {Subject: SubjectHost, Values: globs(strings.Repeat("*", 4097))},
		"route \"r\": condition 1: value 1: regular expression: error parsing regexp: missing closing ): `(`": {Subject: SubjectQuery, Values: []Pattern{{Kind: PatternRegex, Value: "a", Key: key("(")}}},
	} {
		_, err := (*Table[int])(nil).With(Route[int]{ID: "r", Rank: "1", Match: Match{All: []Condition{c}}})
		if err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestReplaceComparesConditions changes one part of a condition at a time: the new one has to count.
func TestReplaceComparesConditions(t *testing.T) {
	base := func() Condition {
		return Condition{Subject: SubjectQuery, Values: []Pattern{{Value: "v", Key: key("k")}}}
	}
	r := &detailed{request: request{host: "v", path: "/"}, pairs: [][2]string{{"k", "v"}}}
	for name, change := range map[string]func(*Condition){
		"subject": func(c *Condition) { c.Subject = SubjectPath },
		"value":   func(c *Condition) { c.Values[0].Value = "w" },
		"key":     func(c *Condition) { c.Values[0].Key = key("l") },
		"kind":    func(c *Condition) { c.Values[0].Kind, c.Values[0].Value = PatternRegex, "[w]" },
		"values":  func(c *Condition) { c.Values = nil },
	} {
		table := with(t, nil, Route[int]{ID: "r", Rank: "1", Match: Match{All: []Condition{base()}}})
		if _, ok := table.Lookup(r); !ok {
			t.Fatal("the route has to match before")
		}
		c := base()
		change(&c)
		if _, ok := with(t, table, Route[int]{ID: "r", Rank: "1", Match: Match{All: []Condition{c}}}).Lookup(r); ok {
			t.Errorf("%s: the route matches as before", name)
		}
	}
}

// TestGlobAgainstRegexp compares globs with the expressions that say the same.
func TestGlobAgainstRegexp(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	text := func(alphabet string) string {
		b := make([]byte, dice.IntN(9))
		for i := range b {
			b[i] = alphabet[dice.IntN(len(alphabet))]
		}
		return string(b)
	}
	matched := 0
	for range 20_000 {
		pattern, s, fold := text("ab*?*\\"), text("abA*\\?"), dice.IntN(2) == 0
		expression := "(?s)"
		if fold {
			expression = "(?si)"
		}
		for i := 0; i < len(pattern); i++ {
			switch c := pattern[i]; {
			case c == '*':
				expression += ".*"
			case c == '?':
				expression += "."
			case c == '\\' && i+1 < len(pattern):
				i++
				expression += regexp.QuoteMeta(pattern[i : i+1])
			default:
				expression += regexp.QuoteMeta(pattern[i : i+1])
			}
		}
		want := regexp.MustCompile(expression + `\z`).FindStringIndex(s)
		if got := glob(pattern, s, fold); got != (want != nil && want[0] == 0) {
			t.Fatalf("glob(%q, %q, %v): want %v, got %v", pattern, s, fold, want != nil && want[0] == 0, got)
		} else if got {
			matched++
		}
	}
	if matched < 1000 {
		t.Errorf("want many matches, got %d", matched)
	}
}

func TestConditionsDoNotAllocate(t *testing.T) {
	edit := (*Table[int])(nil).Edit()
	for i := range 100 {
		err := edit.Put(Route[int]{ID: fmt.Sprint(i), Rank: fmt.Sprintf("%03d", i), Match: Match{All: []Condition{
			{Subject: SubjectHost, Values: globs("*.test")},
			{Subject: SubjectHeader, Name: "x-a", Values: globs(fmt.Sprintf("*%d", i))},
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	table := edit.Commit()
	var r Request = &detailed{request: request{host: "a.test", path: "/"}, fields: [][2]string{{"x-a", "b99"}}}
	if got := testing.AllocsPerRun(100, func() { table.Lookup(r) }); got != 0 {
		t.Errorf("want no allocations, got %v", got)
	}
	if found, ok := table.Lookup(r); !ok || found.ID != "9" {
		t.Errorf("want route 9, the first that ends so, got %v", found)
	}
}
