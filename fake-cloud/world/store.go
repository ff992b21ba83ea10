package world

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// format is the version of the state file. A file of another format is refused, not moved aside.
const format = 1

// lockPatience is how long another process may hold the state file.
const lockPatience = time.Second

var (
	metaBucket = []byte("meta")
	headKey    = []byte("head")
)

// head describes the whole file, so that a part that is lost or damaged is noticed even where the pages are sound.
type head struct {
	Format  int
	Seq     uint64
	Records int
	Sum     uint64 // of all records' checksums, by exclusive or
}

// store is the state file: a bucket for each kind, keyed by seq, of records with a checksum each.
type store struct {
	db *bbolt.DB
	// commit writes a batch or nothing of it. A field so that tests can make the disk fail.
	commit func(*batch) error
}

// damage says that a file cannot be trusted.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// openStore opens or makes the file and reads all of it. The error is a *damage where the file is there and is not sound.
func openStore(path string, sync bool, pool AddressPool) (*store, *state, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("state directory: %w: mend that, or choose another file", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, nil, &damage{errors.New("the file is empty")}
	}
	db, err := openBolt(path, sync)
	if err != nil {
		return nil, nil, err
	}
	s := &store{db: db}
	s.commit = s.write
	loaded, err := s.load(pool)
	if err != nil {
		var d *damage
		if !errors.As(err, &d) {
			err = errors.Join(err, db.Close())
		}
		// A damaged file is not closed: bbolt's locks may be held by what panicked. The process keeps a descriptor.
		return nil, nil, err
	}
	return s, loaded, nil
}

func openBolt(path string, sync bool) (db *bbolt.DB, err error) {
	defer asDamage(&err)()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockPatience, NoSync: !sync, FreelistType: bbolt.FreelistMapType})
	var errno syscall.Errno
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("state file %s is in use by another process: stop it, or choose another file", path)
	case errors.As(err, &errno):
		return nil, fmt.Errorf("state file: %w: mend that, or choose another file", err)
	default:
		return nil, &damage{err}
	}
}

// asDamage makes a *damage of a panic, also of one for memory that is mapped from a file that is too short.
func asDamage(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = &damage{fmt.Errorf("%v", p)}
		}
	}
}

func (s *store) load(pool AddressPool) (loaded *state, err error) {
	defer asDamage(&err)()
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("state file: %w: mend that, or choose another file", err)
	}
	loaded = newState(pool)
	var want, got head
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return loaded, tx.Rollback() // new
	}
	if err := json.Unmarshal(meta.Get(headKey), &want); err != nil {
		return nil, &damage{fmt.Errorf("head: %w", err)}
	}
	if want.Format != format {
		return nil, errors.Join(fmt.Errorf("state file has format %d, and this program reads format %d: use the program that wrote it, or choose another file",
			want.Format, format), tx.Rollback())
	}
	got.Format, got.Seq = want.Format, want.Seq
	for _, kind := range kinds {
		if err := loadKind(tx, kind, loaded, &got); err != nil {
			return nil, &damage{fmt.Errorf("%s: %w", kind, err)}
		}
	}
	if got != want {
		return nil, &damage{fmt.Errorf("the file says %d records with sum %x, and holds %d with %x", want.Records, want.Sum, got.Records, got.Sum)}
	}
	loaded.seq = want.Seq
	if err := loaded.check(); err != nil {
		return nil, &damage{err}
	}
	return loaded, tx.Rollback()
}

func loadKind(tx *bbolt.Tx, kind Kind, into *state, got *head) error {
	b := tx.Bucket(bucketName(kind))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		if len(k) != 8 || len(v) < 8 {
			return fmt.Errorf("record %x is too short", k)
		}
		sum := binary.BigEndian.Uint64(v)
		if sum != checksum(kind, k, v[8:]) {
			return fmt.Errorf("record %x has a wrong checksum", k)
		}
		r := newRecord(kind)
		dec := json.NewDecoder(bytes.NewReader(v[8:]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(r); err != nil {
			return fmt.Errorf("record %x: %w", k, err)
		}
		if r.meta().Seq != binary.BigEndian.Uint64(k) {
			return fmt.Errorf("record %x has another key inside", k)
		}
		got.Records++
		got.Sum ^= sum
		into.put(r)
		return nil
	})
}

func (s *store) write(b *batch) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		h := head{Format: format}
		if raw := meta.Get(headKey); raw != nil {
			if err := json.Unmarshal(raw, &h); err != nil {
				return err
			}
		}
		if b.reset {
			h.Records, h.Sum = 0, 0
		}
		for _, kind := range kinds {
			if err := writeKind(tx, kind, b, &h); err != nil {
				return err
			}
		}
		h.Seq = b.seq
		raw, err := json.Marshal(h)
		if err != nil {
			return err
		}
		return meta.Put(headKey, raw)
	})
}

func writeKind(tx *bbolt.Tx, kind Kind, b *batch, h *head) error {
	name := bucketName(kind)
	if b.reset && tx.Bucket(name) != nil {
		if err := tx.DeleteBucket(name); err != nil {
			return err
		}
	}
	bucket, err := tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	for ref, c := range b.changes {
		if ref.Kind != kind {
			continue
		}
		key := binary.BigEndian.AppendUint64(nil, c.seq)
		if old := bucket.Get(key); old != nil {
			h.Records--
			h.Sum ^= binary.BigEndian.Uint64(old)
		}
		if c.record == nil {
			if err := bucket.Delete(key); err != nil {
				return err
			}
			continue
		}
		raw, err := json.Marshal(c.record)
		if err != nil {
			return err
		}
		sum := checksum(kind, key, raw)
		h.Records++
		h.Sum ^= sum
		if err := bucket.Put(key, append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(raw)), sum), raw...)); err != nil {
			return err
		}
	}
	return nil
}

func bucketName(k Kind) []byte { return []byte(k.String()) }

func checksum(kind Kind, key, value []byte) uint64 {
	d := xxhash.New()
	_, _ = d.Write([]byte{byte(kind)}) // a digest's Write does not fail
	_, _ = d.Write(key)
	_, _ = d.Write(value)
	return d.Sum64()
}
