// Package journal remembers the calls that a cloud was sent, so that a test can say how many there were. It keeps the newest,
// and counts all. It does not know what a call means.
package journal

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Entry is one call.
type Entry struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Op       string    `json:"op"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Status   int       `json:"status"` // of the answer, also of one that a fault kept back
	Mutating bool      `json:"mutating"`
	Fault    string    `json:"fault,omitempty"` // the effect of the fault that the call met
}

// Journal is safe for concurrent use.
type Journal struct {
	mu     sync.Mutex
	newest []Entry // at most twice keep, so that dropping the oldest costs little
	keep   int
	seq    uint64
	counts map[string]int
}

// New returns a journal that keeps the newest entries, as many as keep.
func New(keep int) *Journal { return &Journal{keep: max(keep, 1), counts: map[string]int{}} }

// Add gives e its Seq and keeps it.
func (j *Journal) Add(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.Seq = j.seq
	j.counts[e.Op]++
	if len(j.newest) >= 2*j.keep {
		j.newest = append(j.newest[:0], j.newest[len(j.newest)-j.keep:]...)
	}
	j.newest = append(j.newest, e)
}

// Since returns the entries after seq that are still kept, oldest first, and the number of calls by operation since Clear.
func (j *Journal) Since(seq uint64) ([]Entry, map[string]int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.newest[max(0, len(j.newest)-j.keep):]
	from, _ := slices.BinarySearchFunc(kept, seq, func(e Entry, seq uint64) int {
		if e.Seq <= seq {
			return -1
		}
		return 1
	})
	return append([]Entry{}, kept[from:]...), maps.Clone(j.counts)
}

// Clear forgets entries and counts. The numbers of later entries go on.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.newest = nil
	clear(j.counts)
}
