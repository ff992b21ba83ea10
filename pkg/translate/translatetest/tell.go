package translatetest

import (
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// StoriesDir is where the golden stories are, as seen from the folder of a provider.
const StoriesDir = "../../pkg/translate/testdata"

// Tell tells every golden story through the stage of a provider: file, in the story's folder, holds what comes out of tell, or with update is
// written. Stories may ask for more than the Features of one cloud.
func Tell(t *testing.T, file string, update bool, tell func(want *ir.LoadBalancer) (any, error)) {
	t.Helper()
	told, err := Stories(StoriesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range told {
		t.Run(story.Name, func(t *testing.T) {
			want, _ := translate.Translate(story.Snapshot)
			out, err := tell(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			Golden(t, filepath.Join(story.Dir, file), got, update)
		})
	}
}
