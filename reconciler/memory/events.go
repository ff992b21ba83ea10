package memory

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Event is a Kubernetes event as it was recorded.
type Event struct {
	Type   string // "Normal" or "Warning"
	Reason string
	Action string
	Note   string
	Kind   string
	Object types.NamespacedName
}

// eventRecorder hands events on.
type eventRecorder struct{ s *Store }

// Eventf implements events.EventRecorder.
func (r eventRecorder) Eventf(regarding, _ runtime.Object, kind, reason, action, note string, args ...any) {
	if r.s.onEvent == nil {
		return
	}
	e := Event{Type: kind, Reason: reason, Action: action, Note: fmt.Sprintf(note, args...)}
	if gvk, err := r.s.gvk(regarding); err == nil {
		e.Kind = gvk.Kind
	}
	if obj, ok := regarding.(client.Object); ok {
		e.Object = client.ObjectKeyFromObject(obj)
	}
	r.s.onEvent(e)
}

// AnnotatedEventf implements events.AnnotatedEventRecorder.
func (r eventRecorder) AnnotatedEventf(regarding, related runtime.Object, _ map[string]string, kind, reason, action, note string, args ...any) {
	r.Eventf(regarding, related, kind, reason, action, note, args...)
}
