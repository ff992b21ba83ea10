package fault

import "testing"

func TestProbabilityFollowsTheDice(t *testing.T) {
	throws := []float64{0.05, 0.5, 0.09, 0.1}
	s := NewSet([]string{"GetPool"}, []string{"Internal"}, func() float64 {
		next := throws[0]
		throws = throws[1:]
		return next
	})
	if _, err := s.Add(Rule{Op: "GetPool", Effect: Error, Probability: 0.1}); err != nil {
		t.Fatal(err)
	}
	got := ""
	for range 4 {
		if s.Next("GetPool") != nil {
			got += "x"
		} else {
			got += "."
		}
	}
	if want := "x.x."; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestTheOldestRuleWinsAndAllCount(t *testing.T) {
	s := NewSet([]string{"A", "B"}, nil, nil)
	for _, r := range []Rule{{Op: "*", Effect: Error, Nth: 2}, {Op: "A", Effect: Delay}} {
		if _, err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	want := []Effect{Delay, Error, Delay}
	for i, w := range want {
		if got := s.Next("A"); got == nil || got.Effect != w {
			t.Errorf("call %d: want %s, got %v", i+1, w, got)
		}
	}
	if got := s.Next("B"); got != nil {
		t.Errorf("another operation met %v", got)
	}
	rules := s.Rules()
	if rules[0].Seen != 4 || rules[0].Hits != 1 || rules[1].Seen != 3 || rules[1].Hits != 2 {
		t.Errorf("counts: got %+v", rules)
	}
	if !s.Remove(rules[1].ID) || s.Remove(rules[1].ID) {
		t.Error("a rule is removed once")
	}
}
