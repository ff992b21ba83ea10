package world

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

// everything returns all that a world holds, in order.
func everything(w *World) []any {
	var all []any
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, kind := range kinds {
		for _, p := range w.state.tables[kind].order {
			all = append(all, existing(w.state.tables[kind].rows[p.id]))
		}
	}
	return all
}

func fill(w *World) {
	_, ls, po := chain(w, "a")
	for i := range 50 {
		must(w.CreateRule(ls.ID, named(fmt.Sprint("r", i)), forwardTo(po.ID)))
	}
	chain(w, "b")
}

func TestStateSurvives(t *testing.T) {
	cfg := onDisk(t)
	w := open(t, cfg)
	fill(w)
	before := everything(w)
	shut(t, w)
	w = open(t, cfg)
	if diff := cmp.Diff(before, everything(w), byValue); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if w.MovedAside() != "" {
		t.Errorf("a sound file was moved to %s", w.MovedAside())
	}
	// Nothing that is new has the number, address or name of what is old.
	lb := must(w.CreateLoadBalancer(named("c"), LoadBalancerSpec{}))
	if lb.IPs[0].String() != "127.64.0.3" {
		t.Errorf("address of the third: got %s", lb.IPs[0])
	}
	if err := w.Reset(); err != nil {
		t.Fatal(err)
	}
	shut(t, w)
	w = open(t, cfg)
	if got := everything(w); len(got) != 0 {
		t.Errorf("after a reset and a restart: got %d resources", len(got))
	}
}

func TestManyChangesShareAWrite(t *testing.T) {
	cfg := onDisk(t)
	w := open(t, cfg)
	_, ls, po := chain(w, "a")
	writes := 0
	commit := w.store.commit
	w.store.commit = func(b *batch) error { writes++; return commit(b) }
	const calls = 400
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { must(w.CreateRule(ls.ID, named(fmt.Sprint("r", i)), forwardTo(po.ID))) })
	}
	all.Wait()
	shut(t, w)
	if writes > calls/2 {
		t.Errorf("%d changes at once took %d writes", calls, writes)
	}
	w = open(t, cfg)
	if got := w.Counts()[KindRule]; got != calls {
		t.Errorf("rules after a restart: want %d, got %d", calls, got)
	}
}

func TestADamagedFileIsMovedAside(t *testing.T) {
	cfg := onDisk(t)
	w := open(t, cfg)
	fill(w)
	shut(t, w)
	sound, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	rule := bytes.Index(sound, []byte(`"Name":"r7"`))
	if rule < 0 {
		t.Fatal("the file does not hold what was written")
	}
	edit := func(at int, with string) []byte {
		b := bytes.Clone(sound)
		copy(b[at:], with)
		return b
	}
	tests := map[string][]byte{
		"empty":           {},
		"no database":     bytes.Repeat([]byte("not a database "), 1000),
		"cut in half":     sound[:len(sound)/2],
		"cut to a page":   sound[:4096],
		"one byte of one": edit(rule+9, "8"),
		"zeros inside":    edit(rule-200, strings.Repeat("\x00", 4096)),
		"both metas":      edit(0, strings.Repeat("\xff", 8192)),
		"pages of noise":  append(bytes.Clone(sound[:8192]), bytes.Repeat([]byte{0xa5}, len(sound)-8192)...),
	}
	for name, damaged := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			cfg := onDisk(t)
			cfg.Log = textLog(&log)
			if err := os.WriteFile(cfg.Path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			w := open(t, cfg)
			if got := everything(w); len(got) != 0 {
				t.Fatalf("the file was half-read: %d resources", len(got))
			}
			aside, err := os.ReadFile(w.MovedAside())
			if err != nil || !bytes.Equal(aside, damaged) && name != "no database" {
				t.Errorf("the file that was moved aside is not the damaged one: %v", err)
			}
			if !strings.Contains(log.String(), "STATE FILE IS DAMAGED") || !strings.Contains(log.String(), w.MovedAside()) {
				t.Errorf("the log does not say so: %s", log.String())
			}
			fill(w)
			shut(t, w)
			if w = open(t, cfg); w.MovedAside() != "" || len(everything(w)) == 0 {
				t.Error("the new file is not used")
			}
		})
	}
}

func TestARecordThatIsMissingIsNoticed(t *testing.T) {
	cfg := onDisk(t)
	w := open(t, cfg)
	fill(w)
	// A record goes without the sum over all: as if its page had been written and the head's had not.
	lost := newBatch()
	for id, r := range w.state.tables[KindRule].rows {
		lost.changes[Ref{KindRule, id}] = change{seq: r.meta().Seq}
		break
	}
	shut(t, w)
	db := must(bbolt.Open(cfg.Path, 0o600, nil))
	if err := db.Update(func(tx *bbolt.Tx) error {
		for ref, c := range lost.changes {
			return tx.Bucket([]byte(ref.Kind.String())).Delete(binary.BigEndian.AppendUint64(nil, c.seq))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if w := open(t, cfg); w.MovedAside() == "" {
		t.Error("a file that lacks a record was taken for sound")
	}
}

func TestAnotherFormatIsRefusedAndKept(t *testing.T) {
	cfg := onDisk(t)
	w := open(t, cfg)
	shut(t, w)
	db := must(bbolt.Open(cfg.Path, 0o600, nil))
	if err := db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("head"), []byte(`{"Format":2}`))
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := New(cfg)
	if err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("want a refusal of format 2, got %v", err)
	}
	if _, err := os.Stat(cfg.Path); err != nil {
		t.Error(err)
	}
}

func TestAFileInUse(t *testing.T) {
	cfg := onDisk(t)
	open(t, cfg)
	_, err := New(cfg)
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("want one clear line, got %v", err)
	}
}

func TestAPlaceThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Path = filepath.Join(file, "state.db")
	_, err := New(cfg)
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("want an error that names %s, got %v", file, err)
	}
	cfg.Path = t.TempDir()
	if _, err = New(cfg); err == nil {
		t.Error("a directory was taken for a state file")
	}
}

func TestAFullDisk(t *testing.T) {
	var log bytes.Buffer
	cfg := onDisk(t)
	cfg.Log = textLog(&log)
	w := open(t, cfg)
	lb, ls, po := chain(w, "a")
	watch := w.Watch()
	watch.Take()
	before := everything(w)
	commit := w.store.commit
	w.store.commit = func(*batch) error { return &os.PathError{Op: "write", Path: cfg.Path, Err: syscall.ENOSPC} }
	for range 3 {
		_, err := w.CreateRule(ls.ID, named("r"), forwardTo(po.ID))
		wantCode(t, Unavailable, err)
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the error does not say why: %v", err)
		}
	}
	if w.Health() == nil {
		t.Error("the world says that it is healthy")
	}
	if diff := cmp.Diff(before, everything(w), byValue); diff != "" {
		t.Errorf("what was refused is there (-want +got):\n%s", diff)
	}
	if _, all := watch.Take(); !all {
		t.Error("followers were not told that the world is what it was")
	}
	must(w.LoadBalancer(lb.ID)) // reading goes on
	if got := strings.Count(log.String(), "cannot be written"); got != 1 {
		t.Errorf("lines of the log: want 1, got %d:\n%s", got, log.String())
	}
	w.store.commit = commit
	cfg.Clock.Advance(refusalTime)
	must(w.CreateRule(ls.ID, named("r"), forwardTo(po.ID)))
	if err := w.Health(); err != nil {
		t.Errorf("after there is room again: %v", err)
	}
	shut(t, w)
	if w = open(t, cfg); w.Counts()[KindRule] != 1 {
		t.Error("what was acknowledged is not on disk")
	}
}

func TestLifecycleWaitsForTheDisk(t *testing.T) {
	cfg := onDisk(t)
	cfg.Latency = Realistic
	w := open(t, cfg)
	lb := must(w.CreateLoadBalancer(named("a"), LoadBalancerSpec{}))
	var mu sync.Mutex
	full := true
	commit := w.store.commit
	w.store.commit = func(b *batch) error {
		mu.Lock()
		defer mu.Unlock()
		if full {
			return syscall.ENOSPC
		}
		return commit(b)
	}
	cfg.Clock.Advance(lb.Due.Sub(cfg.Clock.Now()))
	eventually(t, "refused", func() bool { return w.Health() != nil })
	if got := stateOf(w, lb.ID); got != Provisioning {
		t.Errorf("what could not be written is said: %s", got)
	}
	mu.Lock()
	full = false
	mu.Unlock()
	eventually(t, "active", func() bool { cfg.Clock.Advance(refusalTime); return stateOf(w, lb.ID) == Active })
}

func TestAnotherPool(t *testing.T) {
	cfg := onDisk(t)
	w := open(t, cfg)
	lb, _, _ := chain(w, "a")
	shut(t, w)
	cfg.Pool = PrefixPool(netipPrefix("127.99.0.0/24"))
	w = open(t, cfg)
	if got := must(w.LoadBalancer(lb.ID)).IPs[0].String(); got != "127.99.0.1" {
		t.Errorf("address in another pool: got %s", got)
	}
}
