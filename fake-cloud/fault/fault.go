// Package fault makes a cloud hostile on purpose: rules say which call meets which mishap. It decides; who serves the calls
// carries it out.
package fault

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Effect is what happens to a call.
type Effect string

const (
	Error       Effect = "error"        // answered with Code, not performed
	DropReply   Effect = "drop-reply"   // performed, and the connection is closed without an answer
	Delay       Effect = "delay"        // performed after Delay
	Unavailable Effect = "unavailable"  // 503, not performed
	Throttle    Effect = "throttle"     // 429, not performed; Retry-After is Delay, or a second
	CrashBefore Effect = "crash-before" // the process dies, not performed
	CrashAfter  Effect = "crash-after"  // the process dies, performed
)

var effects = []Effect{Error, DropReply, Delay, Unavailable, Throttle, CrashBefore, CrashAfter}

// Rule says which calls meet the effect. Calls are counted from when the rule is made. With none of Nth, Every and Probability
// every call meets it.
type Rule struct {
	ID          string  `json:"id,omitempty"` // given by Set.Add
	Op          string  `json:"op"`           // an operation, or "*"
	Nth         int     `json:"nth,omitempty"`
	Every       int     `json:"every,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Times       int     `json:"times,omitempty"` // at most so often; 0 is no limit
	Effect      Effect  `json:"effect"`
	Code        string  `json:"code,omitempty"` // of Error; empty is Internal
	Delay       string  `json:"delay,omitempty"`

	Seen int `json:"seen"` // calls that the rule was held against
	Hits int `json:"hits"` // calls that met the effect

	delay time.Duration
}

// Wait returns Delay.
func (r Rule) Wait() time.Duration { return r.delay }

// maxRules and maxDelay bound what a client can ask for.
const (
	maxRules = 1000
	maxDelay = 10 * time.Minute
)

// Set is the rules that hold. Safe for concurrent use.
type Set struct {
	// Ops and Codes are what a rule may name.
	ops, codes []string
	chance     func() float64

	mu    sync.Mutex
	rules []*Rule
	made  int
}

// NewSet returns an empty set for the operations and error codes. chance returns numbers in [0, 1).
func NewSet(ops, codes []string, chance func() float64) *Set {
	return &Set{ops: ops, codes: codes, chance: chance}
}

// Add checks a rule and lets it hold.
func (s *Set) Add(r Rule) (Rule, error) {
	if err := s.check(&r); err != nil {
		return Rule{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rules) >= maxRules {
		return Rule{}, fmt.Errorf("there are %d fault rules already: delete some", maxRules)
	}
	s.made++
	r.ID, r.Seen, r.Hits = "fa-"+strconv.Itoa(s.made), 0, 0
	s.rules = append(s.rules, &r)
	return r, nil
}

func (s *Set) check(r *Rule) error {
	if r.Op != "*" && !slices.Contains(s.ops, r.Op) {
		return fmt.Errorf("op: %q is not an operation such as CreateRule, and not *", r.Op)
	}
	if !slices.Contains(effects, r.Effect) {
		return fmt.Errorf("effect: %q is not one of %v", r.Effect, effects)
	}
	if r.Nth < 0 || r.Every < 0 || r.Times < 0 {
		return fmt.Errorf("nth, every and times cannot be under 0")
	}
	if r.Nth > 0 && r.Every > 0 {
		return fmt.Errorf("nth and every exclude each other")
	}
	if !(r.Probability >= 0 && r.Probability <= 1) {
		return fmt.Errorf("probability has to be 0 to 1")
	}
	if r.Code != "" && (r.Effect != Error || !slices.Contains(s.codes, r.Code)) {
		return fmt.Errorf("code: %q is not an error code, or the effect is not error", r.Code)
	}
	if r.Delay != "" {
		d, err := time.ParseDuration(r.Delay)
		if err != nil || d < 0 || d > maxDelay {
			return fmt.Errorf("delay: %q is not a duration of at most %s, such as 100ms", r.Delay, maxDelay)
		}
		r.delay = d
	}
	return nil
}

// Rules returns the rules with their counts, oldest first.
func (s *Set) Rules() []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := make([]Rule, 0, len(s.rules))
	for _, r := range s.rules {
		rules = append(rules, *r)
	}
	return rules
}

// Remove ends the rule with the id, and reports whether there was one.
func (s *Set) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.rules)
	s.rules = slices.DeleteFunc(s.rules, func(r *Rule) bool { return r.ID == id })
	return len(s.rules) < before
}

// Clear ends all rules.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// Next counts a call of op, and returns the oldest rule that it meets, or nil.
func (s *Set) Next(op string) *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var met *Rule
	for _, r := range s.rules {
		if r.Op != "*" && r.Op != op || r.Times > 0 && r.Hits >= r.Times {
			continue
		}
		r.Seen++
		if met == nil && s.meets(r) {
			r.Hits++
			hit := *r
			met = &hit
		}
	}
	return met
}

func (s *Set) meets(r *Rule) bool {
	if r.Nth > 0 && r.Seen != r.Nth || r.Every > 0 && r.Seen%r.Every != 0 {
		return false
	}
	return r.Probability == 0 || s.chance() < r.Probability
}
