package aws_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

// TestCompileKeepsLimits compiles stories, random load balancers and hostile Gateways, and looks that nothing comes out that AWS would
// refuse.
func TestCompileKeepsLimits(t *testing.T) {
	rules, refused := 0, 0
	check := func(want *ir.LoadBalancer) {
		r, f := checkCompiled(t, want)
		rules, refused = rules+r, refused+f
	}
	told, err := translatetest.Stories(translatetest.StoriesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range told {
		for _, features := range []ir.Features{story.Snapshot.Features, aws.Features()} {
			s := *story.Snapshot
			s.Features = features
			want, _ := translate.Translate(&s)
			check(want)
		}
	}
	for seed := range uint64(200) {
		check(dice{rand.New(rand.NewPCG(seed, 3))}.loadBalancer())
		hostile, _ := translate.Translate(translatetest.Generate(translatetest.SeededDice(seed)))
		check(hostile)
	}
	measured(t, "%d rules made, %d parts refused", rules, refused)
	if rules < 1000 || refused < 100 {
		t.Errorf("want many rules and refusals, got %d and %d", rules, refused)
	}
}

// FuzzCompile looks that no Gateway makes Compile panic, fail, or ask AWS for what it does not have.
func FuzzCompile(f *testing.F) {
	f.Add([]byte("cloudgate"))
	f.Fuzz(func(t *testing.T, data []byte) {
		want, _ := translate.Translate(translatetest.Generate(translatetest.NewDice(data)))
		checkCompiled(t, want)
	})
}

// checkCompiled compiles want for a class that allows no differences, and for one that does.
func checkCompiled(t *testing.T, want *ir.LoadBalancer) (rules, refused int) {
	t.Helper()
	if want == nil {
		return 0, 0
	}
	for _, want.Approximate = range []bool{false, true} {
		compiled, err := aws.Compile(want)
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		if !want.Approximate && len(compiled.Differences) > 0 {
			t.Errorf("differences that nobody allowed: %v", compiled.Differences)
		}
		placed := aws.Place(compiled.Graph, nil)
		if err := placed.Check(); err != nil {
			t.Error(err)
		}
		for _, n := range placed.Sorted() {
			checkNode(t, n)
			if n.ID.Kind == aws.KindRule {
				rules++
			}
		}
		refused += len(compiled.Refused)
	}
	return rules, refused
}

var tagText = regexp.MustCompile(`^[A-Za-z0-9 ._:/=+@-]*$`)

func checkNode(t *testing.T, n graph.Node) {
	t.Helper()
	fault := func(format string, args ...any) { t.Errorf("%s: %s: %+v", n.ID, fmt.Sprintf(format, args...), n.Spec) }
	if len(n.ID.Name) > 256 || !tagText.MatchString(n.ID.Name) {
		fault("its name is no value of a tag")
	}
	switch spec := n.Spec.(type) {
	case *aws.Rule:
		checkRule(fault, spec)
		for _, ref := range n.Refs {
			if !strings.Contains(encoded(t, spec.Action), `"`+ref.Name+`"`) {
				fault("it refers to %s and does not name it", ref)
			}
		}
	case *aws.Listener:
		if f := spec.Default.Forward; f != nil && (len(f.TargetGroups) == 0 || len(f.TargetGroups) > 5) {
			fault("%d target groups", len(f.TargetGroups))
		}
		if secure := spec.Protocol == "HTTPS" || spec.Protocol == "TLS"; secure != (len(spec.Certificates) > 0) || secure != (spec.SSLPolicy != "") {
			fault("%d certificates", len(spec.Certificates))
		}
	case *aws.TargetGroup:
		h := spec.HealthCheck
		if !between(h.Interval, 5, 300) || !between(h.Timeout, 2, h.Interval-1) || !between(h.Healthy, 2, 10) || !between(h.Unhealthy, 2, 10) {
			fault("a health check that AWS does not make")
		}
	}
}

func between(n, least, most int32) bool { return n >= least && n <= most }

func checkRule(fault func(string, ...any), r *aws.Rule) {
	values, wildcards := 0, 0
	fields := make(map[string]bool)
	for _, c := range r.Conditions {
		if fields[c.Field] && c.Field != aws.FieldHeader && c.Field != aws.FieldQuery {
			fault("two conditions on %s", c.Field)
		}
		fields[c.Field] = true
		checkCondition(fault, c)
		values += len(c.Values) + len(c.Regex) + len(c.Query)
		for _, text := range c.Values {
			wildcards += strings.Count(text, "*") + strings.Count(text, "?")
		}
	}
	if values == 0 || values > 5 || wildcards > 5 {
		fault("%d values and %d wildcards", values, wildcards)
	}
	if f := r.Action.Forward; f != nil && (len(f.TargetGroups) == 0 || len(f.TargetGroups) > 5) {
		fault("%d target groups", len(f.TargetGroups))
	}
	if !between(r.Priority, 1, 50000) {
		fault("priority %d", r.Priority)
	}
}

func checkCondition(fault func(string, ...any), c aws.Condition) {
	if n := len(c.Values) + len(c.Regex) + len(c.Query); n == 0 || len(c.Values) > 0 && len(c.Regex) > 0 {
		fault("a condition with %d values", n)
	}
	texts := append(append([]string{}, c.Values...), c.Regex...)
	for _, q := range c.Query {
		texts = append(texts, q.Key, q.Value)
	}
	for _, text := range texts {
		if text == "" || len(text) > 128 {
			fault("a value of %d characters", len(text))
		}
	}
	for _, text := range c.Regex {
		if _, err := regexp.Compile(text); err != nil {
			fault("%v", err)
		}
	}
}
