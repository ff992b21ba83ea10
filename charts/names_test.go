package charts

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
)

// all returns every document that a release of that name in that namespace is made of.
func all(t *testing.T, release, namespace, chart string, args ...string) []*unstructured.Unstructured {
	t.Helper()
	return documents(t, helm(t, append([]string{"template", release, chart, "--namespace", namespace}, args...)...))
}

// What a user may call a release or a namespace comes out as it went in, also where YAML would read a number or a truth value, and no name
// or label is longer than it may be.
func TestNamesAndNamespaces(t *testing.T) {
	for _, c := range []struct{ reason, release, namespace, override string }{
		{"as everybody does", "cloudgate", "cloudgate-system", ""},
		{"another namespace, a number", "edge", "123", ""},
		{"a truth value", "true", "no", ""},
		{"a number for YAML", "1e3", "1e3", "edge"},
		{"the longest", strings.Repeat("r", 53), strings.Repeat("n", 63), ""},
		{"the longest of one's own", "edge", "x", strings.Repeat("o", 52)},
	} {
		for _, chart := range names {
			args := append([]string{"--set", "fullnameOverride=" + c.override}, monitored...)
			if chart == "cloudgate" {
				args = append(args, "--set", "gatewayAPI.install=true,networkPolicy.enabled=true", "--set-string", "gatewayClasses[0].name=10,gatewayClasses[0].provider=fake")
			}
			for _, u := range all(t, c.release, c.namespace, chart, args...) {
				if u.GetKind() == "CustomResourceDefinition" || strings.HasPrefix(u.GetKind(), "ValidatingAdmissionPolicy") {
					continue // are called what the Gateway API calls them
				}
				of := c.reason + ": " + chart + ": " + u.GetKind() + " " + u.GetName()
				if got := u.GetNamespace(); got != c.namespace && got != "" {
					t.Errorf("%s: want the namespace %s, got %q", of, c.namespace, got)
				}
				if got := u.GetLabels()["app.kubernetes.io/instance"]; got != c.release {
					t.Errorf("%s: want the label of the release %s, got %q", of, c.release, got)
				}
				check := validation.IsDNS1123Subdomain
				switch u.GetKind() {
				case "Service":
					check = validation.IsDNS1035Label
				case "Job", "Pod", "StatefulSet":
					check = validation.IsDNS1123Label // of its pods' host names
				}
				for _, problem := range check(u.GetName()) {
					t.Errorf("%s: %s", of, problem)
				}
				for key, value := range u.GetLabels() {
					for _, problem := range append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...) {
						t.Errorf("%s: label %s=%s: %s", of, key, value, problem)
					}
				}
			}
		}
	}
	if _, got, err := tryHelm(t, "template", "1st", "cloudgate"); err == nil || !strings.Contains(got, "set fullnameOverride") {
		t.Errorf("a name that a Service cannot have: %v\n%s", err, got)
	}
}

// monitored turns on what is made for Prometheus and Grafana.
var monitored = []string{"--set", "metrics.serviceMonitor.enabled=true,metrics.dashboard.enabled=true"}

// A label that is given twice is there once: that of the pods comes before that of all objects.
func TestLabelsOfPods(t *testing.T) {
	for _, chart := range names {
		args := []string{"--set", "commonLabels.team=all,podLabels.team=pods,podLabels.tier=edge", "--set", `podAnnotations.kubectl\.kubernetes\.io/default-container=x`}
		if got := render(t, chart, args...); strings.Contains(got, "team: pods\n        team: all") || strings.Contains(got, "team: all\n        team: pods") {
			t.Errorf("%s: a label is there twice", chart)
		}
		for _, o := range objects(t, chart, args...) {
			var pod corev1.PodTemplateSpec
			switch o := o.(type) {
			case *appsv1.Deployment:
				pod = o.Spec.Template
			case *appsv1.StatefulSet:
				pod = o.Spec.Template
			case *batchv1.Job:
				pod = o.Spec.Template
			default:
				continue
			}
			if pod.Labels["team"] != "pods" || pod.Labels["tier"] != "edge" || pod.Labels["app.kubernetes.io/instance"] != chart {
				t.Errorf("%s: want the labels of pods, got %v", chart, pod.Labels)
			}
			if got := pod.Annotations["kubectl.kubernetes.io/default-container"]; got != "x" && got != "" {
				t.Errorf("%s: want the annotation that was given, got %s", chart, got)
			}
		}
	}
}

// The hook of uninstall ends by itself, after the command has had its time and before Helm loses its patience; and it starts, to say what
// it lacks, where the cloud and the token have gone before it.
func TestTheHookEnds(t *testing.T) {
	const patience = 5 * time.Minute // of Helm, without --timeout
	for timeout, want := range map[string]time.Duration{"": 0, "20s": 50 * time.Second, "1h30m": 90*time.Minute + 30*time.Second} {
		args := []string{}
		if timeout != "" {
			args = []string{"--set", "withdraw.timeout=" + timeout}
		}
		job := only[*batchv1.Job](objects(t, "cloudgate", args...))[0]
		if job.Spec.ActiveDeadlineSeconds == nil {
			t.Fatal("the hook has no deadline")
		}
		got := time.Duration(*job.Spec.ActiveDeadlineSeconds) * time.Second
		if timeout == "" && got >= patience || timeout != "" && got != want {
			t.Errorf("--timeout=%s: got a deadline of %v, want %v, and by default under %v", timeout, got, want, patience)
		}
		if optional := job.Spec.Template.Spec.Volumes[0].Secret.Optional; optional == nil || !*optional {
			t.Error("the hook waits for a token that may have gone")
		}
	}
}
