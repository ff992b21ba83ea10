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
func TestEveryExampleIsWhole(t *testing.T) {
	root := filepath.Join("..", "..", "examples")
	folders, err := os.ReadDir(root)
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	needsSecret := []string{"https", "quickstart"}
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			s, err := dev.Once(t.Context(), dev.Config{Paths: []string{filepath.Join(root, folder.Name())}, Pool: newPool()}, traffic.Patience)
			if err != nil {
				t.Fatal(err)
			}
			secret := slices.Contains(needsSecret, folder.Name())
			if s.Converged == secret || len(s.Gateways) != 1 || !s.Gateways[0].Programmed {
				t.Errorf("state: %+v", s)
			}
			for _, w := range s.Warnings {
				if !strings.Contains(w, "backends.yaml:") { // pods are a cluster's
					t.Errorf("warning: %s", w)
				}
			}
			for _, p := range s.Problems {
				if !secret || !strings.Contains(p, "listener https: ") {
					t.Errorf("problem: %s", p)
				}
			}
		})
	}
}
