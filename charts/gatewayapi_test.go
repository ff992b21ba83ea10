package charts

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// bundle is a channel of the Gateway API as its module has it.
func bundle(t *testing.T, channel string) map[string]*unstructured.Unstructured {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", channel, "gateway*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the Gateway API: %v", err)
	}
	out := make(map[string]*unstructured.Unstructured)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range documents(t, string(text)) {
			out[u.GetKind()+" "+u.GetName()] = u
		}
	}
	return out
}

func TestGatewayAPIIsTheModules(t *testing.T) {
	for _, channel := range []string{"standard", "experimental"} {
		want := bundle(t, channel)
		got := 0
		args := []string{"--set", "gatewayAPI.install=true,gatewayAPI.channel=" + channel}
		objects(t, "cloudgate", args...) // decode
		for _, u := range documents(t, render(t, "cloudgate", args...)) {
			w := want[u.GetKind()+" "+u.GetName()]
			if w == nil {
				continue
			}
			got++
			annotations := u.GetAnnotations()
			if annotations["helm.sh/resource-policy"] != "keep" {
				t.Errorf("%s: %s would go with the release, and every Gateway with it", channel, u.GetName())
			}
			delete(annotations, "helm.sh/resource-policy")
			u.SetAnnotations(annotations)
			delete(w.Object, "status")
			if diff := cmp.Diff(w.Object, u.Object); diff != "" {
				t.Errorf("%s: %s want -, got +:\n%.2000s", channel, u.GetName(), diff)
			}
		}
		if got != len(want) {
			t.Errorf("%s: got %d objects, want %d", channel, got, len(want))
		}
	}
	text := render(t, "cloudgate", "--set", "gatewayAPI.install=true,gatewayAPI.safeUpgrades=false")
	if strings.Contains(text, "kind: ValidatingAdmissionPolicy") || !strings.Contains(text, "name: httproutes.gateway.networking.k8s.io") {
		t.Error("safeUpgrades=false leaves out something else than the admission policy")
	}
}

// A release is one Secret, of 1 MiB at most. This packs it as Helm does: the chart's files in base64 within JSON, and what was rendered.
func TestReleaseFitsIntoItsSecret(t *testing.T) {
	var files [][]byte
	err := filepath.WalkDir("cloudgate", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files = append(files, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, channel := range []string{"standard", "experimental"} {
		manifest := render(t, "cloudgate", append([]string{"--set", "metrics.dashboard.enabled=true,gatewayAPI.install=true,gatewayAPI.channel=" + channel}, aClass...)...)
		text, err := json.Marshal(map[string]any{"chart": files, "manifest": manifest})
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		size := base64.StdEncoding.EncodedLen(packed.Len())
		t.Logf("%s: %d KiB", channel, size>>10)
		if limit := 768 << 10; size > limit {
			t.Errorf("%s: the release is %d bytes, and should stay under %d", channel, size, limit)
		}
	}
}

// A class can only be made once its kind is there: within the release where that is so, after it where the release brings it.
func TestGatewayClasses(t *testing.T) {
	const api = "gateway.networking.k8s.io/v1/GatewayClass"
	for _, c := range []struct {
		reason string
		args   []string
		want   []string // the hook of each object
		awaits int      // Jobs that wait for the API
	}{
		{"the API is there, or is said to be", nil, []string{""}, 0},
		{"the release brings it", []string{"--set", "gatewayAPI.install=true"}, []string{"post-install,post-upgrade", "post-delete"}, 1},
		{"the release has brought it", []string{"--set", "gatewayAPI.install=true", "--api-versions", api, "--is-upgrade"}, []string{"", "post-delete"}, 0},
	} {
		var got []string
		awaits := slices.DeleteFunc(only[*batchv1.Job](objects(t, "cloudgate", append(c.args, aClass...)...)), func(j *batchv1.Job) bool {
			return j.Name != "cloudgate-await-api" || j.Annotations["helm.sh/hook"] != "post-install,post-upgrade"
		})
		if len(awaits) != c.awaits {
			t.Errorf("%s: got %d Jobs that wait for the API, want %d", c.reason, len(awaits), c.awaits)
		}
		for _, class := range only[*gwv1.GatewayClass](objects(t, "cloudgate", append(c.args, aClass...)...)) {
			if class.Name != "fake" || class.Spec.ControllerName != "cloudgate.dev/fake" {
				t.Errorf("%s: got the class %s of %s", c.reason, class.Name, class.Spec.ControllerName)
			}
			got = append(got, class.Annotations["helm.sh/hook"])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: hooks want -, got +:\n%s", c.reason, diff)
		}
	}
}
