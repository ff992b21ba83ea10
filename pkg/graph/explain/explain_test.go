package explain_test

import (
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/graph/explain"
)

type thing struct {
	Name  string            `json:"name,omitempty"`
	Ports []int             `json:"ports,omitempty"`
	Tags  map[string]string `json:"tags,omitempty"`
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		reason    string
		want, got any
		says      string
	}{
		{"equal", thing{Name: "a", Ports: []int{1}}, thing{Name: "a", Ports: []int{1}}, ""},
		{"another value", thing{Name: "a"}, thing{Name: "b"}, `name "b" becomes "a"`},
		{"one that comes, one that goes", thing{Ports: []int{1}}, thing{Name: "b"}, `name "b" goes, ports[0] becomes 1`},
		{"a long one", thing{Name: strings.Repeat("a", 60)}, thing{Name: "b"}, "name changes"},
		{"many", thing{Ports: []int{1, 2, 3, 4, 5}}, thing{}, "ports[0] becomes 1, ports[1] becomes 2, ports[2] becomes 3, and 2 more changes"},
		{"no JSON", func() {}, thing{}, "its content differs"},
	} {
		if got := explain.Fields(c.want, c.got); got != c.says {
			t.Errorf("%s: want %q, got %q", c.reason, c.says, got)
		}
	}
}

func TestLists(t *testing.T) {
	five := []string{"a", "b", "c", "d", "e"}
	for got, want := range map[string]string{
		explain.Named("pod", nil, "comes", "come"):      "",
		explain.Named("pod", five[:1], "comes", "come"): "pod a comes",
		explain.Named("pod", five[:3], "comes", "come"): "pods a and b and c come",
		explain.Named("pod", five, "comes", "come"):     "5 pods come",
		explain.Some(five[:4]):                          "a, b, c, d",
		explain.Some(five):                              "a, b, c and 2 more",
		explain.Join("", "x", "", "y"):                  "x, y",
	} {
		if got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}
