package proxy

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sweeper ends what takes too long, for all engines of the process. Each tick it looks at every connection; that is far cheaper than two
// timers per request. It runs while there is an engine or connection.
type sweeper struct {
	users  atomic.Int64
	mu     sync.Mutex
	stop   chan struct{}
	shards [64]sweptShard
	next   atomic.Uint32

	upkeepersMu sync.Mutex
	upkeepers   map[upkeeper]struct{}
}

// upkeeper has something to look after once a second.
type upkeeper interface{ upkeep(now int64) }

// keep has k called until drop. A call may still be under way after that.
func (s *sweeper) keep(k upkeeper) {
	s.upkeepersMu.Lock()
	defer s.upkeepersMu.Unlock()
	if s.upkeepers == nil {
		s.upkeepers = map[upkeeper]struct{}{}
	}
	s.upkeepers[k] = struct{}{}
}

func (s *sweeper) drop(k upkeeper) {
	s.upkeepersMu.Lock()
	defer s.upkeepersMu.Unlock()
	delete(s.upkeepers, k)
}

// upkeep calls every upkeeper.
func (s *sweeper) upkeep(now int64) {
	s.upkeepersMu.Lock()
	list := slices.Collect(maps.Keys(s.upkeepers))
	s.upkeepersMu.Unlock()
	for _, k := range list {
		k.upkeep(now)
	}
}

type sweptShard struct {
	mu   sync.Mutex
	list []*deadlines
}

var theSweeper sweeper

// deadlines are two coarse times after which a connection's reads and writes fail. 0 is never. A connection has one and registers it with the
// sweeper while it lives.
type deadlines struct {
	read, write atomic.Int64
	expire      expirer
	shard       *sweptShard
	index       int // in the shard's list; guarded by its lock
}

// expirer is told that a deadline passed. It may be told again, must not block and must not remove itself from the sweeper.
type expirer interface{ expired(read, write bool) }

// after is the coarse time d from now; 0 when d means no limit.
func after(d time.Duration) int64 {
	if d < 0 {
		return 0
	}
	// One tick more, because the coarse time may be a whole tick behind.
	return coarse() + int64(d) + int64(tick)
}

// acquire keeps the sweeper running until release.
func (s *sweeper) acquire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users.Add(1) > 1 {
		return
	}
	coarseNow.Store(precise())
	makeDate()
	s.stop = make(chan struct{})
	go s.run(s.stop)
}

func (s *sweeper) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users.Add(-1) == 0 {
		close(s.stop)
	}
}

func (s *sweeper) run(stop chan struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var second int64
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			now := precise()
			coarseNow.Store(now)
			if now/int64(time.Second) != second {
				second = now / int64(time.Second)
				makeDate()
				s.upkeep(now)
			}
			for i := range s.shards {
				s.shards[i].sweep(now)
			}
		}
	}
}

func (s *sweptShard) sweep(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.list {
		r, w := d.read.Load(), d.write.Load()
		read, write := r != 0 && r <= now, w != 0 && w <= now
		if read || write {
			d.expire.expired(read, write)
		}
	}
}

// watch registers d until forget.
func (s *sweeper) watch(d *deadlines) {
	d.shard = &s.shards[s.next.Add(1)%uint32(len(s.shards))]
	d.shard.mu.Lock()
	defer d.shard.mu.Unlock()
	d.index = len(d.shard.list)
	d.shard.list = append(d.shard.list, d)
}

// forget is to be called once for each watch.
func (s *sweeper) forget(d *deadlines) {
	shard := d.shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	last := len(shard.list) - 1
	moved := shard.list[last]
	shard.list[d.index], moved.index = moved, d.index
	shard.list[last] = nil
	shard.list = shard.list[:last]
}
