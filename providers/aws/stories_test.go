package aws_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the difference before you commit it")

const storiesDir = "../../pkg/translate/testdata"

// TestStories tells every story through the stage of this provider: aws.yaml holds the resources that it becomes, placed as where nothing is
// yet, and what is refused or different. Stories may ask for more than this cloud's Features.
func TestStories(t *testing.T) {
	told, err := translatetest.Stories(storiesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range told {
		t.Run(story.Name, func(t *testing.T) {
			want, _ := translate.Translate(story.Snapshot)
			compiled, err := aws.Compile(want)
			if err != nil {
				t.Fatal(err)
			}
			compiled.Graph = aws.Place(compiled.Graph, graph.Graph{})
			out := render(compiled)
			got, err := yaml.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(story.Dir, "aws.yaml"), string(got))
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what comes out (-want +got):\n%s", path, diff)
	}
}
