package fake_test

import (
	"flag"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the difference before you commit it")

// TestStories: fake.yaml holds the resources that a story becomes, or why it cannot become any.
func TestStories(t *testing.T) {
	translatetest.Tell(t, "fake.yaml", *update, func(want *ir.LoadBalancer) (any, error) {
		compiled, err := fake.Compile(want)
		if err != nil {
			return map[string]string{"error": err.Error()}, nil
		}
		return compiled, nil
	})
}
