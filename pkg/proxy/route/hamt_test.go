package route

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCollidingHashes gives many keys few hashes, some of them equal up to the last slot, and compares with a plain map.
func TestCollidingHashes(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	hashes := []uint64{0, 1, 1 << 6, 1 << 60, 1 << 63, ^uint64(0)}
	type version struct {
		root *hamtNode[int]
		want map[string]int
	}
	versions := []version{{nil, map[string]int{}}}
	for i := range 2000 {
		from := pick(dice, versions)
		root, want := from.root, maps.Clone(from.want)
		by := new(owner)
		for range 1 + dice.IntN(4) {
			k := dice.IntN(30)
			key, h := fmt.Sprint("key", k), hashes[k%len(hashes)]
			_, there := want[key]
			var changed bool
			if dice.IntN(3) == 0 {
				root, changed = root.delete(by, 0, h, key)
				delete(want, key)
			} else {
				root, changed = root.set(by, 0, hamtEntry[int]{h, key, i})
				want[key] = i
				there = !there
			}
			if changed != there {
				t.Fatalf("%s: want a changed size: %v, got %v", key, there, changed)
			}
		}
		versions = append(versions, version{root, want})
	}
	for _, v := range versions {
		got := map[string]int{}
		v.root.all(func(key string, val int) bool {
			got[key] = val
			return true
		})
		if diff := cmp.Diff(v.want, got); diff != "" {
			t.Fatalf("all (-want +got):\n%s", diff)
		}
		m := hamt[int]{root: v.root}
		for k := range 30 {
			key := fmt.Sprint("key", k)
			want, wantThere := v.want[key]
			if got, there := m.get(key, hashes[k%len(hashes)]); got != want || there != wantThere {
				t.Fatalf("get(%s): want %d %v, got %d %v", key, want, wantThere, got, there)
			}
		}
	}
}
