package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

func config(t *testing.T) Config {
	t.Helper()
	return Config{Path: filepath.Join(t.TempDir(), "dir", "state.db"), Format: 3, Buckets: []Bucket{{"a", []byte("a")}, {"b", []byte("b")}}}
}

// read opens the file and returns what is in it, as "bucket/key": value.
func read(t *testing.T, cfg Config) (*File, map[string]string, uint64) {
	t.Helper()
	got := map[string]string{}
	f, seq, err := Open(cfg, func(bucket int, key, value []byte) error {
		var v string
		err := Decode(value, &v)
		got[cfg.Buckets[bucket].Name+"/"+string(key)] = v
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f, got, seq
}

func commit(t *testing.T, f *File, b Batch) {
	t.Helper()
	if err := f.Commit(b); err != nil {
		t.Fatal(err)
	}
}

func shut(t *testing.T, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsCommittedIsRead(t *testing.T) {
	cfg := config(t)
	f, got, seq := read(t, cfg)
	if len(got) != 0 || seq != 0 {
		t.Errorf("want a new file empty, got %v and %d", got, seq)
	}
	commit(t, f, Batch{Seq: 7, Records: []Record{{0, []byte("x"), "1"}, {1, []byte("x"), "2"}, {1, []byte("y"), "3"}}})
	commit(t, f, Batch{Seq: 9, Records: []Record{{0, []byte("x"), "4"}, {1, []byte("x"), nil}, {1, []byte("none"), nil}}})
	shut(t, f)
	f, got, seq = read(t, cfg)
	if diff := cmp.Diff(map[string]string{"a/x": "4", "b/y": "3"}, got); diff != "" || seq != 9 {
		t.Errorf("seq %d: %s", seq, diff)
	}
	commit(t, f, Batch{Seq: 10, Reset: true, Records: []Record{{1, []byte("z"), "5"}}})
	shut(t, f)
	f, got, _ = read(t, cfg)
	defer shut(t, f)
	if diff := cmp.Diff(map[string]string{"b/z": "5"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABatchThatFailsLeavesNothing(t *testing.T) {
	cfg := config(t)
	f, _, _ := read(t, cfg)
	if err := f.Commit(Batch{Records: []Record{{0, []byte("x"), "1"}, {0, []byte("y"), make(chan int)}}}); err == nil {
		t.Error("want an error for what is not JSON")
	}
	shut(t, f)
	f, got, _ := read(t, cfg)
	defer shut(t, f)
	if len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	for name, harm := range map[string]func(*bbolt.Tx) error{
		"a record is lost":      func(tx *bbolt.Tx) error { return tx.Bucket([]byte("a")).Delete([]byte("x")) },
		"a record is too short": func(tx *bbolt.Tx) error { return tx.Bucket([]byte("a")).Put([]byte("x"), []byte("1")) },
		"a record is another":   func(tx *bbolt.Tx) error { return tx.Bucket([]byte("a")).Put([]byte("x"), []byte("12345678\"2\"")) },
		"a record is in another place": func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("b")).Put([]byte("x"), tx.Bucket([]byte("a")).Get([]byte("x")))
		},
		"the head is no JSON": func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(headKey, []byte("{")) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			f, _, _ := read(t, cfg)
			commit(t, f, Batch{Seq: 1, Records: []Record{{0, []byte("x"), "1"}, {1, []byte("y"), "2"}}})
			if err := f.db.Update(harm); err != nil {
				t.Fatal(err)
			}
			shut(t, f)
			_, _, err := Open(cfg, func(int, []byte, []byte) error { return nil })
			var d *Damage
			if !errors.As(err, &d) {
				t.Errorf("want damage, got %v", err)
			}
		})
	}
}

func TestARecordThatCannotBeIsDamage(t *testing.T) {
	cfg := config(t)
	f, _, _ := read(t, cfg)
	commit(t, f, Batch{Seq: 1, Records: []Record{{0, []byte("x"), struct{ Unknown int }{1}}}})
	shut(t, f)
	_, _, err := Open(cfg, func(_ int, _, value []byte) error { return Decode(value, &struct{ Known int }{}) })
	var d *Damage
	if !errors.As(err, &d) {
		t.Errorf("want damage, got %v", err)
	}
}

func TestAnotherFormatIsNoDamage(t *testing.T) {
	cfg := config(t)
	f, _, _ := read(t, cfg)
	commit(t, f, Batch{})
	shut(t, f)
	cfg.Format++
	_, _, err := Open(cfg, nil)
	var d *Damage
	if err == nil || errors.As(err, &d) || !strings.Contains(err.Error(), "format 3") {
		t.Errorf("want a refusal of format 3, got %v", err)
	}
}

func TestNoFileAtAll(t *testing.T) {
	cfg := config(t)
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var d *Damage
	if _, _, err := Open(cfg, nil); !errors.As(err, &d) {
		t.Errorf("want damage for an empty file, got %v", err)
	}
	cfg.Path = filepath.Join(cfg.Path, "below", "state.db")
	if _, _, err := Open(cfg, nil); err == nil {
		t.Errorf("want an error for a directory that cannot be, got %v", err)
	}
}
