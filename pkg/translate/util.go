package translate

import (
	"cmp"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// value returns what p points at, or the zero value.
func value[T any](p *T) T {
	var zero T
	return valueOr(p, zero)
}

// valueOr returns what p points at, or what it means when it is unset.
func valueOr[T any](p *T, unset T) T {
	if p == nil {
		return unset
	}
	return *p
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}

// compareAge orders objects as the specification does wherever one has to win: the oldest first, then by "{namespace}/{name}".
func compareAge(a, b *metav1.ObjectMeta) int {
	return cmp.Or(
		cmp.Compare(age(a), age(b)),
		cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name),
	)
}

// age returns the second in which an object was created. An object that was never stored is as old as can be.
func age(m *metav1.ObjectMeta) int64 {
	return max(0, m.CreationTimestamp.Unix())
}
