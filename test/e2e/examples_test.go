package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// TestEveryExampleIsWhole: as they stand, with their own endpoints, examples are programmed and nothing in them is wrong or left out.
// Certificates are the exception: nobody else's key is in an example.
func TestEveryExampleIsWhole(t *testing.T) { tellEveryExampleIsWhole(t, onFake, nil) }

// TestEveryExampleOnAWS: with the class aws in place of fake examples are as whole, or say what AWS cannot do of them.
func TestEveryExampleOnAWS(t *testing.T) {
	tellEveryExampleIsWhole(t, onAWS, map[string]string{
		"path-prefix-header": "HTTPRoute default/get on Gateway default/web: Accepted=False, UnsupportedValue: rules[0].filters[0]: this cloud cannot do RequestHeaders.",
		"quickstart":         "HTTPRoute default/shop on Gateway default/web: PartiallyInvalid=True, UnsupportedValue: Dropped Rule rules[0]: rules[0].filters[0]: this cloud cannot do RequestHeaders.",
		"tls-passthrough":    "connections that ask for other host names, or for none, get to the backends too, and its class does not allow that.",
	})
}

// tellEveryExampleIsWhole wants no other problems of an example than those that end as problems has it.
func tellEveryExampleIsWhole(t *testing.T, on class, problems map[string]string) {
	root := filepath.Join("..", "..", "examples")
	folders, err := os.ReadDir(root)
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	needsSecret := []string{"https", "quickstart"}
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			s, err := dev.Once(t.Context(), dev.Config{Paths: []string{on.copied(t, filepath.Join(root, folder.Name()))}, Pool: newPool()}, traffic.Patience)
			if err != nil {
				t.Fatal(err)
			}
			secret := slices.Contains(needsSecret, folder.Name())
			refused := problems[folder.Name()]
			if s.Converged == (secret || refused != "") || len(s.Gateways) != 1 || !s.Gateways[0].Programmed {
				t.Errorf("state: %+v", s)
			}
			for _, w := range s.Warnings {
				if !strings.Contains(w, "backends.yaml:") { // pods are a cluster's
					t.Errorf("warning: %s", w)
				}
			}
			said := refused == ""
			for _, p := range s.Problems {
				switch {
				case refused != "" && strings.HasSuffix(p, refused):
					said = true
				case secret && strings.Contains(p, "listener https: "):
				default:
					t.Errorf("problem: %s", p)
				}
			}
			if !said {
				t.Errorf("problems %q, want one that says %q", s.Problems, refused)
			}
		})
	}
}

// copied returns a folder with the files of another for the class, and else as they are.
func (c class) copied(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		adapted := strings.ReplaceAll(string(content), "gatewayClassName: fake", "gatewayClassName: "+c.name)
		if err := os.WriteFile(filepath.Join(to, f.Name()), []byte(adapted), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
