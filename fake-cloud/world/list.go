package world

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
)

// Query says what to list.
type Query struct {
	In     string            // the id of a container; empty lists all of the kind
	Labels map[string]string // all of which have to be there
	Size   int               // of a page, over zero
	Token  string            // Page.Next of the page before; empty for the first
}

// Page is a part of a list, oldest first. Whatever changes between two pages, what is there all the time is listed once.
type Page[T any] struct {
	Items []T
	Next  string // empty on the last page
}

// LoadBalancers lists load balancers.
func (w *World) LoadBalancers(q Query) (Page[LoadBalancer], error) {
	return list[LoadBalancer](w, KindLoadBalancer, q)
}

// Listeners lists listeners, of a load balancer or of all.
func (w *World) Listeners(q Query) (Page[Listener], error) {
	return listIn[Listener](w, KindListener, KindLoadBalancer, q)
}

// Rules lists rules, of a listener or of all.
func (w *World) Rules(q Query) (Page[Rule], error) {
	return listIn[Rule](w, KindRule, KindListener, q)
}

// Pools lists pools.
func (w *World) Pools(q Query) (Page[Pool], error) { return list[Pool](w, KindPool, q) }

// Certificates lists certificates.
func (w *World) Certificates(q Query) (Page[Certificate], error) {
	return list[Certificate](w, KindCertificate, q)
}

func listIn[T any](w *World, kind, in Kind, q Query) (Page[T], error) {
	if q.In != "" {
		w.mu.RLock()
		_, ok := w.state.tables[in].rows[q.In]
		w.mu.RUnlock()
		if !ok {
			return Page[T]{}, failf(NotFound, "%s %s does not exist", in, q.In)
		}
	}
	return list[T](w, kind, q)
}

func list[T any](w *World, kind Kind, q Query) (Page[T], error) {
	after, err := q.after(kind)
	if err != nil {
		return Page[T]{}, err
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	t := w.state.tables[kind]
	var page Page[T]
	var last uint64
	for _, p := range t.order[t.after(after):] {
		r := t.rows[p.id]
		if q.In != "" && container(r) != q.In || !hasLabels(r.meta().Labels, q.Labels) {
			continue
		}
		if len(page.Items) == q.Size {
			page.Next = q.token(kind, last)
			break
		}
		page.Items = append(page.Items, *any(r).(*T))
		last = p.seq
	}
	return page, nil
}

func hasLabels(got, want map[string]string) bool {
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			return false
		}
	}
	return true
}

// token remembers where a page ended, and for which list.
func (q Query) token(kind Kind, last uint64) string {
	raw := binary.BigEndian.AppendUint64(nil, q.digest(kind))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(raw, last))
}

func (q Query) after(kind Kind) (uint64, error) {
	if q.Token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.Token)
	if err != nil || len(raw) != 16 || binary.BigEndian.Uint64(raw) != q.digest(kind) {
		return 0, failf(InvalidArgument, "pageToken is not one that this list gave: begin again without it")
	}
	return binary.BigEndian.Uint64(raw[8:]), nil
}

func (q Query) digest(kind Kind) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %q", kind, q.In) // a hash's Write does not fail
	for _, k := range slices.Sorted(maps.Keys(q.Labels)) {
		_, _ = fmt.Fprintf(h, " %q=%q", k, q.Labels[k])
	}
	return h.Sum64()
}
