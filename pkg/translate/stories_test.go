package translate_test

import (
	"errors"
	"flag"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the difference before you commit it")

// now is the time of every transition in the stories.
var now = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// TestStories tells every story of testdata through both stages.
func TestStories(t *testing.T) {
	stories, err := translatetest.Stories("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(stories) < 35 {
		t.Errorf("there are %d stories; some have gone", len(stories))
	}
	for _, story := range stories {
		t.Run(story.Name, func(t *testing.T) {
			lb, report := translate.Translate(story.Snapshot)
			golden(t, filepath.Join(story.Dir, "ir.yaml"), lb)
			golden(t, filepath.Join(story.Dir, "status.yaml"), status.Of(story.Snapshot, report, outcome(t, story.Outcome), now))
		})
	}
}

func golden(t *testing.T, path string, value any) {
	t.Helper()
	got, err := translatetest.Render(value)
	if err != nil {
		t.Fatal(err)
	}
	translatetest.Golden(t, path, got, *update)
}

func outcome(t *testing.T, o translatetest.Outcome) status.Outcome {
	t.Helper()
	out := status.Outcome{Applied: o.Applied, Pending: o.Pending, Addresses: o.Addresses, Drift: o.Drift, Differences: o.Differences}
	for _, f := range o.Failures {
		err := &cloud.Error{Kind: kind(t, f.Kind), Op: f.Op, Err: errors.New(f.Message)}
		if f.Address != "" {
			err.Err = &cloud.AddressError{Address: f.Address, Err: err.Err}
		}
		out.Failures = append(out.Failures, status.Failure{Err: err, Source: f.Source, Refused: f.Refused})
	}
	return out
}

func kind(t *testing.T, name string) cloud.Kind {
	t.Helper()
	for k := cloud.Unknown; k <= cloud.NotFound; k++ {
		if k.String() == name {
			return k
		}
	}
	t.Fatalf("there is no kind of error %q", name)
	return cloud.Unknown
}
