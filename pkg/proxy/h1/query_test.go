package h1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQueryAt(t *testing.T) {
	r := &Request{RawQuery: "a=1&&b&c=%41%2b+&bad=%zz&=v&d=x=y&a=2"}
	want := [][2]string{{"a", "1"}, {"b", ""}, {"c", "A++"}, {"", "v"}, {"d", "x=y"}, {"a", "2"}}
	for range 2 { // The second time uses what the first left.
		var got [][2]string
		for at := 0; ; {
			key, value, next := r.QueryAt(at)
			if next == 0 {
				break
			}
			got, at = append(got, [2]string{string([]byte(key)), string([]byte(value))}), next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parameters (-want +got):\n%s", diff)
		}
	}
	if n := len(r.arena); n != 0 {
		t.Errorf("want nothing kept, got %d bytes", n)
	}
}

func TestHeaderAt(t *testing.T) {
	r := &Request{Fields: []Field{{Name: "X-A", Value: "1"}, {Name: "B", Value: "2"}, {Name: "x-a", Value: "gone", Gone: true}, {Name: "x-a", Value: "3"}}}
	var got []string
	for at := 0; ; {
		value, next := r.HeaderAt("x-a", at)
		if next == 0 {
			break
		}
		got, at = append(got, value), next
	}
	if diff := cmp.Diff([]string{"1", "3"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}
