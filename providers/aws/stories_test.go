package aws_test

import (
	"flag"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the difference before you commit it")

// TestStories: aws.yaml holds the resources that a story becomes, placed as where nothing is yet, and what is refused or different.
func TestStories(t *testing.T) {
	translatetest.Tell(t, "aws.yaml", *update, func(want *ir.LoadBalancer) (any, error) {
		compiled, err := aws.Compile(want)
		if err != nil {
			return nil, err
		}
		compiled.Graph = aws.Place(compiled.Graph, graph.Graph{})
		return render(compiled), nil
	})
}
