package disk

import (
	"bytes"
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

// patience is how long another process may hold the file.
const patience = time.Second

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

// Bucket holds records of one kind.
type Bucket struct {
	Name string
	Salt []byte // of the checksums, so that a record in another bucket is noticed
}

// Record is one of a Batch. Value is written as JSON; nil removes what has the key.
type Record struct {
	Bucket int // index in Config.Buckets
	Key    []byte
	Value  any
}

// Batch is what is written together.
type Batch struct {
	Records []Record
	Reset   bool   // everything that was there before goes first
	Seq     uint64 // the last one given out
}

// Config says which file, and what is in it.
type Config struct {
	Path    string
	Sync    bool // wait for the disk itself
	Format  int  // a file of another format is refused, not moved aside
	Buckets []Bucket
}

// File is an open file. One goroutine at a time uses it.
type File struct {
	cfg Config
	db  *bbolt.DB
}

// Damage says that a file cannot be trusted.
type Damage struct{ Err error }

// Error implements error.
func (d *Damage) Error() string { return d.Err.Error() }

// Unwrap returns the cause.
func (d *Damage) Unwrap() error { return d.Err }

// Loaded gets every record of a file. An error means that the record cannot be.
type Loaded func(bucket int, key, value []byte) error

// Open opens or makes the file and reads all of it. The error is a *Damage where the file is there and is not sound.
func Open(cfg Config, each Loaded) (f *File, seq uint64, err error) {
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, 0, fmt.Errorf("state directory: %w: mend that, or choose another file", err)
	}
	if info, err := os.Stat(cfg.Path); err == nil && info.Size() == 0 {
		return nil, 0, &Damage{errors.New("the file is empty")}
	}
	db, err := open(cfg.Path, cfg.Sync)
	if err != nil {
		return nil, 0, err
	}
	f = &File{cfg: cfg, db: db}
	seq, err = f.Load(each)
	if err != nil {
		var d *Damage
		if !errors.As(err, &d) {
			err = errors.Join(err, db.Close())
		}
		// A damaged file is not closed: bbolt's locks may be held by what panicked. The process keeps a descriptor.
		return nil, 0, err
	}
	return f, seq, nil
}

func open(path string, sync bool) (db *bbolt.DB, err error) {
	defer asDamage(&err)()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: patience, NoSync: !sync, FreelistType: bbolt.FreelistMapType})
	var errno syscall.Errno
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("state file %s is in use by another process: stop it, or choose another file", path)
	case errors.As(err, &errno):
		return nil, fmt.Errorf("state file: %w: mend that, or choose another file", err)
	default:
		return nil, &Damage{err}
	}
}

// asDamage makes a *Damage of a panic, also of one for memory that is mapped from a file that is too short.
func asDamage(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = &Damage{fmt.Errorf("%v", p)}
		}
	}
}

// Load reads all records, bucket by bucket in the order of Config.Buckets, and returns the seq of the last batch.
func (f *File) Load(each Loaded) (seq uint64, err error) {
	defer asDamage(&err)()
	tx, err := f.db.Begin(false)
	if err != nil {
		return 0, fmt.Errorf("state file: %w: mend that, or choose another file", err)
	}
	var want, got head
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return 0, tx.Rollback() // new
	}
	if err := json.Unmarshal(meta.Get(headKey), &want); err != nil {
		return 0, &Damage{fmt.Errorf("head: %w", err)}
	}
	if want.Format != f.cfg.Format {
		return 0, errors.Join(fmt.Errorf("state file has format %d, and this program reads format %d: use the program that wrote it, or choose another file",
			want.Format, f.cfg.Format), tx.Rollback())
	}
	got.Format, got.Seq = want.Format, want.Seq
	for i, bucket := range f.cfg.Buckets {
		if err := load(tx, i, bucket, each, &got); err != nil {
			return 0, &Damage{fmt.Errorf("%s: %w", bucket.Name, err)}
		}
	}
	if got != want {
		return 0, &Damage{fmt.Errorf("the file says %d records with sum %x, and holds %d with %x", want.Records, want.Sum, got.Records, got.Sum)}
	}
	return want.Seq, tx.Rollback()
}

func load(tx *bbolt.Tx, i int, bucket Bucket, each Loaded, got *head) error {
	b := tx.Bucket([]byte(bucket.Name))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		if len(v) < 8 {
			return fmt.Errorf("record %x is too short", k)
		}
		sum := number(v)
		if sum != checksum(bucket.Salt, k, v[8:]) {
			return fmt.Errorf("record %x has a wrong checksum", k)
		}
		if err := each(i, k, v[8:]); err != nil {
			return fmt.Errorf("record %x: %w", k, err)
		}
		got.Records++
		got.Sum ^= sum
		return nil
	})
}

// Decode reads a record's value. What it does not know is an error: the record is of another program.
func Decode(value []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// Commit writes a batch, or nothing of it.
func (f *File) Commit(b Batch) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		h := head{Format: f.cfg.Format}
		if raw := meta.Get(headKey); raw != nil {
			if err := json.Unmarshal(raw, &h); err != nil {
				return err
			}
		}
		if b.Reset {
			if err := f.reset(tx, &h); err != nil {
				return err
			}
		}
		for _, r := range b.Records {
			if err := f.write(tx, r, &h); err != nil {
				return err
			}
		}
		h.Seq = b.Seq
		raw, err := json.Marshal(h)
		if err != nil {
			return err
		}
		return meta.Put(headKey, raw)
	})
}

func (f *File) reset(tx *bbolt.Tx, h *head) error {
	for _, bucket := range f.cfg.Buckets {
		if tx.Bucket([]byte(bucket.Name)) == nil {
			continue
		}
		if err := tx.DeleteBucket([]byte(bucket.Name)); err != nil {
			return err
		}
	}
	h.Records, h.Sum = 0, 0
	return nil
}

func (f *File) write(tx *bbolt.Tx, r Record, h *head) error {
	bucket := f.cfg.Buckets[r.Bucket]
	b, err := tx.CreateBucketIfNotExists([]byte(bucket.Name))
	if err != nil {
		return err
	}
	if old := b.Get(r.Key); old != nil {
		h.Records--
		h.Sum ^= number(old)
	}
	if r.Value == nil {
		return b.Delete(r.Key)
	}
	raw, err := json.Marshal(r.Value)
	if err != nil {
		return err
	}
	sum := checksum(bucket.Salt, r.Key, raw)
	h.Records++
	h.Sum ^= sum
	return b.Put(r.Key, prefixed(sum, raw))
}

// Close writes what the system still holds and closes the file.
func (f *File) Close() error { return errors.Join(f.db.Sync(), f.db.Close()) }

func checksum(salt, key, value []byte) uint64 {
	d := xxhash.New()
	_, _ = d.Write(salt) // a digest's Write does not fail
	_, _ = d.Write(key)
	_, _ = d.Write(value)
	return d.Sum64()
}
