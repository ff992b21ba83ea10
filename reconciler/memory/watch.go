package memory

import (
	"context"
	"strconv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func labelsOf(obj client.Object) labels.Set { return obj.GetLabels() }

// listerWatcher feeds one informer from the store.
type listerWatcher struct {
	s   *Store
	gvk schema.GroupVersionKind
}

// List implements cache.Lister.
func (l listerWatcher) List(o metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), o)
}

// ListWithContext implements cache.ListerWithContext.
func (l listerWatcher) ListWithContext(_ context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	listGVK := l.gvk.GroupVersion().WithKind(l.gvk.Kind + "List")
	made, err := l.s.scheme.New(listGVK)
	if err != nil {
		return nil, err
	}
	list := made.(client.ObjectList)
	items, revision, err := l.s.items(l.gvk, client.ListOptions{})
	if err != nil {
		return nil, err
	}
	list.SetResourceVersion(revision)
	return list, meta.SetList(list, items)
}

// Watch implements cache.Watcher.
func (l listerWatcher) Watch(o metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), o)
}

// WatchWithContext implements cache.WatcherWithContext. Where more was written since the List than the store remembers, the answer
// is Expired, and the reader lists again.
func (l listerWatcher) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	return l.s.watch(ctx, l.gvk, o.ResourceVersion)
}

// IsWatchListSemanticsUnSupported makes reflectors list, then watch.
func (listerWatcher) IsWatchListSemanticsUnSupported() bool { return true }

// watcher is one open watch: an unbounded queue, because a writer must never wait for a reader that may itself be writing.
type watcher struct {
	out  chan watch.Event
	done chan struct{}
	stop func()

	mu     sync.Mutex
	queue  []watch.Event
	signal chan struct{}
}

func newWatcher() *watcher {
	w := &watcher{out: make(chan watch.Event), done: make(chan struct{}), signal: make(chan struct{}, 1)}
	return w
}

// ResultChan implements watch.Interface.
func (w *watcher) ResultChan() <-chan watch.Event { return w.out }

// Stop implements watch.Interface.
func (w *watcher) Stop() { w.stop() }

// send queues an event. It does not block. Every watcher gets its own copy of the object, because informers change theirs.
func (w *watcher) send(e watch.Event) {
	e.Object = e.Object.DeepCopyObject()
	w.mu.Lock()
	w.queue = append(w.queue, e)
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.out)
	for {
		w.mu.Lock()
		batch := w.queue
		w.queue = nil
		w.mu.Unlock()
		for _, e := range batch {
			select {
			case w.out <- e:
			case <-w.done:
				return
			case <-ctx.Done():
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-w.signal:
		case <-w.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// watch opens a watch of a kind from after a revision on, or from now on where since is empty.
func (s *Store) watch(ctx context.Context, gvk schema.GroupVersionKind, since string) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tableLocked(gvk)
	after := s.revision
	if since != "" {
		var err error
		if after, err = strconv.ParseUint(since, 10, 64); err != nil {
			return nil, apierrors.NewBadRequest("resourceVersion: " + err.Error())
		}
	}
	if after < t.expired {
		return nil, apierrors.NewResourceExpired("too old resource version: " + since)
	}
	w := newWatcher()
	w.stop = sync.OnceFunc(func() {
		s.mu.Lock()
		delete(t.watchers, w)
		s.mu.Unlock()
		close(w.done)
	})
	for _, c := range t.history {
		if c.revision > after {
			w.send(c.event)
		}
	}
	t.watchers[w] = struct{}{}
	go w.run(ctx)
	return w, nil
}
