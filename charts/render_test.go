package charts

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

func TestLint(t *testing.T) {
	for _, chart := range names {
		helm(t, "lint", "--strict", chart)
	}
}

// stories returns the files of values in testdata.
func stories(t *testing.T, chart string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", chart, "*.values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values in testdata/%s: %v", chart, err)
	}
	return files
}

// shaped leaves out what is generated from the code, and would have these files change with it: the definitions, and the permissions.
// TestCRDsAreTheGenerated and TestPermissionsAreThoseOfTheMarkers hold them to their sources.
func shaped(text string) string {
	var kept []string
	for part := range strings.SplitSeq(text, "---\n") {
		if !strings.Contains(part, "\nkind: CustomResourceDefinition\n") && !strings.Contains(part, "\nkind: ClusterRole\n") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "---\n")
}

func TestCRDsAreTheGenerated(t *testing.T) {
	files, err := filepath.Glob("cloudgate/files/crds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, keep := range []string{"", "keep"} {
		got := only[*apiextensionsv1.CustomResourceDefinition](objects(t, "cloudgate", "--set", "crds.keep="+strconv.FormatBool(keep != "")))
		if len(got) != len(files) {
			t.Fatalf("got %d definitions, want %d", len(got), len(files))
		}
		for i, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want apiextensionsv1.CustomResourceDefinition
			if err := yaml.UnmarshalStrict(text, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Spec, got[i].Spec); diff != "" {
				t.Errorf("%s want -, got +:\n%s", file, diff)
			}
			if policy := got[i].Annotations["helm.sh/resource-policy"]; policy != keep {
				t.Errorf("%s: got the policy %q, want %q", file, policy, keep)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for _, chart := range names {
		for _, values := range stories(t, chart) {
			t.Run(values, func(t *testing.T) {
				got := shaped(render(t, chart, "--values", values))
				objects(t, chart, "--values", values)
				golden := strings.TrimSuffix(values, ".values.yaml") + ".golden.yaml"
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("want -, got + (run with -update and read the diff):\n%s", diff)
				}
			})
		}
	}
}

// podSpecs are the pods that the objects make, by the kind and name of their makers.
func podSpecs(all []runtime.Object) map[string]corev1.PodSpec {
	out := make(map[string]corev1.PodSpec)
	for _, o := range all {
		switch o := o.(type) {
		case *appsv1.Deployment:
			out["Deployment "+o.Name] = o.Spec.Template.Spec
		case *appsv1.StatefulSet:
			out["StatefulSet "+o.Name] = o.Spec.Template.Spec
		case *batchv1.Job:
			out["Job "+o.Name] = o.Spec.Template.Spec
		case *corev1.Pod:
			out["Pod "+o.Name] = o.Spec
		}
	}
	return out
}

func TestPodsAreRestricted(t *testing.T) {
	for _, chart := range names {
		pods := podSpecs(objects(t, chart))
		if len(pods) < 2 {
			t.Fatalf("%s: got %d pods, want the workload and its test", chart, len(pods))
		}
		for name, pod := range pods {
			if pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s %s: no seccomp profile", chart, name)
			}
			if chart == "cloudgate" && !(*pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532 && !pod.HostNetwork) {
				t.Errorf("%s %s: is not an ordinary user's", chart, name)
			}
			for _, c := range pod.Containers {
				s := c.SecurityContext
				if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || s.Privileged != nil {
					t.Errorf("%s %s: %+v lets too much", chart, name, s)
				}
				want := &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
				if chart == "fake-cloud" {
					want.Add = []corev1.Capability{"NET_ADMIN", "NET_BIND_SERVICE"}
				}
				if diff := cmp.Diff(want, s.Capabilities); diff != "" {
					t.Errorf("%s %s: capabilities want -, got +:\n%s", chart, name, diff)
				}
				if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s %s: no memory request or limit", chart, name)
				}
			}
		}
	}
}

// With two replicas, a drain takes one at a time; the selectors of everything meet the pods and not those of hook and test.
func TestSelectors(t *testing.T) {
	all := objects(t, "cloudgate", "--set", "networkPolicy.enabled=true")
	deployment := only[*appsv1.Deployment](all)[0]
	if *deployment.Spec.Replicas != 2 {
		t.Errorf("got %d replicas, want 2", *deployment.Spec.Replicas)
	}
	pod := deployment.Spec.Template.Labels
	for k, v := range only[*corev1.Service](all)[0].Spec.Selector {
		if pod[k] != v {
			t.Errorf("the Service selects %s=%s, the pods have %q", k, v, pod[k])
		}
	}
	for _, job := range only[*batchv1.Job](all) {
		if job.Spec.Template.Labels["app.kubernetes.io/component"] == pod["app.kubernetes.io/component"] {
			t.Errorf("the Deployment would select the pods of %s", job.Name)
		}
	}
}

func TestSecretIsKept(t *testing.T) {
	got := only[*corev1.Secret](objects(t, "fake-cloud"))
	if len(got) != 1 || got[0].Name != "fake-cloud-token" || len(got[0].Data["token"]) != 32 {
		t.Fatalf("got %v, want fake-cloud-token with a token of 32 characters", got)
	}
	if again := only[*corev1.Secret](objects(t, "fake-cloud")); string(again[0].Data["token"]) == string(got[0].Data["token"]) {
		t.Error("two clouds have the same token")
	}
	if own := only[*corev1.Secret](objects(t, "fake-cloud", "--set", "token.value=0123456789abcdef")); string(own[0].Data["token"]) != "0123456789abcdef" {
		t.Error("the given token is not taken")
	}
	if none := only[*corev1.Secret](objects(t, "fake-cloud", "--set", "token.existingSecret=mine")); len(none) != 0 {
		t.Error("a Secret is made although there is one")
	}
}

func TestNotes(t *testing.T) {
	notes := func(args ...string) string {
		return helm(t, append([]string{"install", "x", "cloudgate", "--dry-run=client", "--namespace", namespace}, args...)...)
	}
	for _, c := range []struct {
		reason, want string
		args         []string
	}{
		{"nothing is served without a class", "No GatewayClass was asked for", nil},
		{"an example names the first class", "gatewayClassName: fake", aClass},
		{"the Gateway API is missing", "DOES NOT SERVE THE GATEWAY API", nil},
		{"what stays is said", "definitions and their admission policy stay", []string{"--set", "gatewayAPI.install=true"}},
		{"without the hook things are left", "Run `cloudgate withdraw` first", []string{"--set", "withdraw.enabled=false"}},
	} {
		if got := notes(c.args...); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q is not in the notes:\n%s", c.reason, c.want, got[strings.Index(got, "NOTES:"):])
		}
	}
	if got := helm(t, "install", "x", "fake-cloud", "--dry-run=client", "--namespace", namespace); !strings.Contains(got, "forward . CLUSTER-IP-OF-x-fake-cloud-dns") {
		t.Error("the notes of fake-cloud lack the snippet for CoreDNS")
	}
}
