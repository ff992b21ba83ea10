package status

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conditions puts what an object is to have together with what it has. Conditions of types that we do not write stay untouched and in
// their place.
type conditions struct {
	now        metav1.Time
	generation int64
	list       []metav1.Condition
}

// newConditions begins with a copy of the conditions that the object has.
func newConditions(existing []metav1.Condition, generation int64, now metav1.Time) *conditions {
	return &conditions{now: now, generation: generation, list: slices.Clone(existing)}
}

// set writes a condition. The time of its transition stays as long as its status does. A condition that was made for a later generation of the
// object is left alone: our copy of the object is then the stale one.
func (c *conditions) set(kind string, status metav1.ConditionStatus, reason, message string) {
	want := metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: shorten(message, maxMessage),
		ObservedGeneration: c.generation, LastTransitionTime: c.now,
	}
	for i := range c.list {
		got := &c.list[i]
		if got.Type != kind {
			continue
		}
		if got.ObservedGeneration > c.generation {
			return
		}
		if got.Status == status && !got.LastTransitionTime.IsZero() {
			want.LastTransitionTime = got.LastTransitionTime
		}
		*got = want
		return
	}
	c.list = append(c.list, want)
}

// drop removes a condition: those of negative polarity are there only while they are true.
func (c *conditions) drop(kind string) {
	c.list = slices.DeleteFunc(c.list, func(o metav1.Condition) bool {
		return o.Type == kind && o.ObservedGeneration <= c.generation
	})
}

// get returns the condition of a type, or nil.
func (c *conditions) get(kind string) *metav1.Condition {
	for i := range c.list {
		if c.list[i].Type == kind {
			return &c.list[i]
		}
	}
	return nil
}

func boolStatus(is bool) metav1.ConditionStatus {
	if is {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}
