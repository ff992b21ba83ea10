package world

import (
	"encoding/binary"
	"errors"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/disk"
)

// format is the version of the state file. A file of another format is refused, not moved aside.
const format = 1

// store is the state file: a bucket for each kind, keyed by seq.
type store struct {
	file *disk.File
	// commit writes a batch or nothing of it. A field so that tests can make the disk fail.
	commit func(*batch) error
}

// buckets are the kinds as the file has them.
func buckets() []disk.Bucket {
	list := make([]disk.Bucket, len(kinds))
	for i, k := range kinds {
		list[i] = disk.Bucket{Name: k.String(), Salt: []byte{byte(k)}}
	}
	return list
}

// openStore opens or makes the file and reads all of it. The error is a *disk.Damage where the file is there and is not sound.
func openStore(path string, sync bool, pool AddressPool) (*store, *state, error) {
	loaded := newState(pool)
	file, seq, err := disk.Open(disk.Config{Path: path, Sync: sync, Format: format, Buckets: buckets()}, loaded.load)
	if err != nil {
		return nil, nil, err
	}
	s := &store{file: file}
	s.commit = s.write
	if err := loaded.complete(seq); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return s, loaded, nil
}

// load reads the file again.
func (s *store) load(pool AddressPool) (*state, error) {
	loaded := newState(pool)
	seq, err := s.file.Load(loaded.load)
	if err != nil {
		return nil, err
	}
	return loaded, loaded.complete(seq)
}

// complete ends the loading of a state.
func (s *state) complete(seq uint64) error {
	s.seq = seq
	if err := s.check(); err != nil {
		return &disk.Damage{Err: err}
	}
	return nil
}

// load puts a record of the file into the state.
func (s *state) load(bucket int, key, value []byte) error {
	if len(key) != 8 {
		return errors.New("its key is too short")
	}
	r := newRecord(kinds[bucket])
	if err := disk.Decode(value, r); err != nil {
		return err
	}
	if r.meta().Seq != binary.BigEndian.Uint64(key) {
		return errors.New("it has another key inside")
	}
	s.put(r)
	return nil
}

func (s *store) write(b *batch) error {
	d := disk.Batch{Reset: b.reset, Seq: b.seq}
	for i, kind := range kinds {
		for ref, c := range b.changes {
			if ref.Kind != kind {
				continue
			}
			r := disk.Record{Bucket: i, Key: binary.BigEndian.AppendUint64(nil, c.seq)}
			if c.record != nil {
				r.Value = c.record
			}
			d.Records = append(d.Records, r)
		}
	}
	return s.file.Commit(d)
}
