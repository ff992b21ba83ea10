package charts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	_ "sigs.k8s.io/controller-runtime" // registers its metrics
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"
)

// programs builds the programs and returns the folder that they are in.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir, "../cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

var flagName = regexp.MustCompile(`--[a-z0-9-]+`)

// What the charts run is what the programs offer: the help of the command names every flag, and nothing else is an argument.
func TestFlagsExist(t *testing.T) {
	dir := programs(t)
	for _, c := range []struct{ chart, program string }{{"cloudgate", "cloudgate"}, {"fake-cloud", "fakecloud"}} {
		for _, values := range stories(t, c.chart) {
			for name, pod := range podSpecs(objects(t, c.chart, "--values", values)) {
				args := pod.Containers[0].Args
				command := slices.Clone(args[:slices.IndexFunc(append(slices.Clone(args), "--"), func(a string) bool { return strings.HasPrefix(a, "--") })])
				help, err := exec.Command(filepath.Join(dir, c.program), append(command, "--help")...).CombinedOutput()
				if err != nil {
					t.Errorf("%s %s: %s %v --help: %v\n%s", values, name, c.program, command, err, help)
					continue
				}
				known := flagName.FindAllString(string(help), -1)
				for _, arg := range args[len(command):] {
					if flag, _, _ := strings.Cut(arg, "="); !slices.Contains(known, flag) {
						t.Errorf("%s %s: `%s %s` has no flag %s", values, name, c.program, strings.Join(command, " "), flag)
					}
				}
			}
		}
	}
}

// permissions are rules taken apart: "verb group/resource" each.
func permissions(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					out = append(out, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// markers are the permissions that the code says it needs.
func markers(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("cloudgate/files/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		t.Fatal(err)
	}
	return permissions(role.Rules)
}

// granted are the permissions of the roles whose names end so.
func granted(t *testing.T, suffix string, args ...string) []string {
	t.Helper()
	all := objects(t, "cloudgate", args...)
	var rules []rbacv1.PolicyRule
	for _, r := range only[*rbacv1.ClusterRole](all) {
		if strings.HasSuffix(r.Name, suffix) {
			rules = append(rules, r.Rules...)
		}
	}
	for _, r := range only[*rbacv1.Role](all) {
		if strings.HasSuffix(r.Name, suffix) {
			rules = append(rules, r.Rules...)
		}
	}
	return permissions(rules)
}

// The chart divides the permissions of the markers and adds none. Leases are in one namespace and under one name only, and so are the events
// of the core group, which only the leader election writes; to scale is the hook's alone.
func TestPermissionsAreThoseOfTheMarkers(t *testing.T) {
	isLease := func(p string) bool { return strings.Contains(p, "coordination.k8s.io/") || p == "create /events" }
	isScale := func(p string) bool { return strings.Contains(p, " apps/") }
	isPod := func(p string) bool { return strings.HasSuffix(p, " /pods") || strings.HasSuffix(p, " /pods/status") }
	isServiceWrite := func(p string) bool {
		verb, of, _ := strings.Cut(p, " ")
		return (of == "/services" || of == "discovery.k8s.io/endpointslices") && verb != "list" && verb != "watch"
	}
	all := markers(t)
	without := func(drop ...func(string) bool) []string {
		return slices.DeleteFunc(slices.Clone(all), func(p string) bool {
			return slices.ContainsFunc(drop, func(is func(string) bool) bool { return is(p) })
		})
	}
	if diff := cmp.Diff(without(isLease, isScale, isServiceWrite), granted(t, "-controller")); diff != "" {
		t.Errorf("cluster-wide want -, got +:\n%s", diff)
	}
	if diff := cmp.Diff(without(isLease, isScale), granted(t, "-controller", "--set", "gatewayServices.enabled=true")); diff != "" {
		t.Errorf("with Services of Gateways want -, got +:\n%s", diff)
	}
	if diff := cmp.Diff(without(isLease, isScale, isServiceWrite, isPod), granted(t, "-controller", "--set", "podReadinessGates.enabled=false")); diff != "" {
		t.Errorf("without readiness gates want -, got +:\n%s", diff)
	}
	leases := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return !isLease(p) })
	if diff := cmp.Diff(leases, granted(t, "-lease")); diff != "" {
		t.Errorf("leases want -, got +:\n%s", diff)
	}
	scale := []string{"patch apps/deployments/scale"}
	if diff := cmp.Diff(scale, granted(t, "-withdraw")); diff != "" {
		t.Errorf("of the hook want -, got +:\n%s", diff)
	}
	for _, role := range only[*rbacv1.Role](objects(t, "cloudgate")) {
		for _, rule := range role.Rules {
			if len(rule.ResourceNames) == 0 && !slices.Equal(rule.Verbs, []string{"create"}) {
				t.Errorf("%s: %v is not held to one name", role.Name, rule)
			}
		}
	}
}

var metricName = regexp.MustCompile(`\b(cloudgate|fakecloud|controller_runtime|workqueue|rest_client|leader_election|process|go)_[a-z0-9_]+\b`)

// strings are those in a Go file.
func literals(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				out[s] = true
			}
		}
		return true
	})
	return out
}

var descName = regexp.MustCompile(`fqName: "([^"]+)"`)

// registered are the names of the metrics in a registry, also of those without a value.
func registered(t *testing.T, r any) map[string]bool {
	t.Helper()
	collector, ok := r.(prometheus.Collector)
	if !ok {
		t.Fatalf("%T cannot be described", r)
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		collector.Describe(descs)
	}()
	out := make(map[string]bool)
	for d := range descs {
		out[descName.FindStringSubmatch(d.String())[1]] = true
	}
	return out
}

// ours are the names of metrics that a program makes itself.
var ours = regexp.MustCompile(`^(cloudgate|fakecloud)_[a-z_]+$`)

// A dashboard shows what the programs export, and all of their own.
func TestDashboardsShowWhatThereIs(t *testing.T) {
	library := registered(t, ctrlmetrics.Registry)
	for _, c := range []struct{ chart, code string }{{"cloudgate", "../reconciler/metrics.go"}, {"fake-cloud", "../fake-cloud/server/metrics.go"}} {
		text, err := os.ReadFile(filepath.Join(c.chart, "files", "dashboard.json"))
		if err != nil {
			t.Fatal(err)
		}
		own, seen := literals(t, c.code), map[string]bool{}
		for _, name := range metricName.FindAllString(string(text), -1) {
			base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
			seen[base] = true
			if !own[name] && !own[base] && !library[name] && !library[base] {
				t.Errorf("%s: nobody exports %s", c.chart, name)
			}
		}
		var count int
		for name := range own {
			if !ours.MatchString(name) {
				continue
			}
			if count++; !seen[name] {
				t.Errorf("%s: nobody sees %s", c.chart, name)
			}
		}
		if count == 0 {
			t.Errorf("%s: no metrics in %s", c.chart, c.code)
		}
	}
}
