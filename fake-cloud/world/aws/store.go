package aws

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/disk"
)

const (
	// format is the version of the state file.
	format = 1
	// refusalTime is how long writes are refused after one that failed, so that a full disk is not read again for every call.
	refusalTime = time.Second
)

// store is the state file and the changes that wait for it. Its fields are guarded by the lock of the Cloud.
type store struct {
	file *disk.File
	// commit writes a batch or nothing of it. A field so that tests can make the disk fail.
	commit func(disk.Batch) error

	pending      *batch
	wake         chan struct{}
	stopped      chan struct{}
	refusal      error // why writes fail; nil when they do not
	refusedUntil time.Time
	stale        bool // memory is ahead of the disk, which could not be read again
}

// batch is the changes that are written to disk together.
type batch struct {
	writes map[location]row
	quiet  bool          // those who carry traffic need not know
	done   chan struct{} // closed when it is on disk, or is not and err is set
	err    error
}

func newBatch() *batch {
	return &batch{writes: map[location]row{}, quiet: true, done: make(chan struct{})}
}

// kinds are the tables of a region as the file has them.
func kinds() (buckets []disk.Bucket, index map[string]int) {
	none := newTables(&Region{users: map[string]map[string]struct{}{}})
	index = map[string]int{}
	for i, t := range none.list() {
		buckets = append(buckets, disk.Bucket{Name: t.name(), Salt: []byte(t.name())})
		index[t.name()] = i
	}
	return buckets, index
}

// open reads the state file. A file that is damaged is moved aside.
func (c *Cloud) open() error {
	if c.cfg.Path == "" {
		return nil
	}
	buckets, _ := kinds()
	cfg := disk.Config{Path: c.cfg.Path, Sync: !c.cfg.NoSync, Format: format, Buckets: buckets}
	file, seq, err := disk.Open(cfg, c.load)
	var d *disk.Damage
	if errors.As(err, &d) {
		c.aside = c.cfg.Path + ".corrupt-" + c.cfg.Clock.Now().Format("20060102T150405.000Z")
		if err := os.Rename(c.cfg.Path, c.aside); err != nil {
			return fmt.Errorf("state file is damaged (%w) and cannot be moved aside: %w", d, err)
		}
		c.cfg.Log.Error("STATE FILE OF AWS IS DAMAGED: moved aside, starting with an empty account", "file", c.cfg.Path, "movedTo", c.aside,
			"damage", d.Err)
		c.regions = map[string]*Region{}
		file, seq, err = disk.Open(cfg, c.load)
	}
	if err != nil {
		return err
	}
	if err := c.checkOwner(); err != nil {
		return errors.Join(err, file.Close())
	}
	c.seq = seq
	// An empty batch shows now whether the file can be written.
	if err := file.Commit(disk.Batch{Seq: seq}); err != nil {
		return errors.Join(fmt.Errorf("state file %s cannot be written: %w", c.cfg.Path, err), file.Close())
	}
	c.store = &store{file: file, commit: file.Commit, pending: newBatch(), wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claim()
	c.reschedule()
	go c.commitLoop()
	return nil
}

// checkOwner refuses the state of another account: its ARNs would be of that.
func (c *Cloud) checkOwner() error {
	for _, r := range c.regions {
		for _, v := range r.vpcs.all() {
			if owner := aws.ToString(v.Spec.OwnerId); owner != c.cfg.AccountID {
				return fmt.Errorf("state file %s is of account %s, not of %s: choose another file, or that account", c.cfg.Path, owner, c.cfg.AccountID)
			}
		}
	}
	return nil
}

// load puts a record of the file into the tables.
func (c *Cloud) load(bucket int, key, value []byte) error {
	region, rest, ok := bytes.Cut(key, []byte{0})
	if !ok {
		return errors.New("its key names no region")
	}
	r, ok := c.regions[string(region)]
	if !ok {
		r = c.newRegion(string(region))
		c.regions[r.name] = r
	}
	t := r.list()[bucket]
	next := t.fresh()
	if err := disk.Decode(value, next); err != nil {
		return err
	}
	if next.meta().Key != string(rest) {
		return errors.New("it has another key inside")
	}
	t.set(next)
	return nil
}

// claim takes the addresses that load balancers had, and gives others to those whose own are not to be had any more. The lock is held.
func (c *Cloud) claim() {
	for _, r := range c.regions {
		for _, lb := range r.loadBalancers.all() {
			for i, z := range lb.Zones {
				if c.addresses.Claim(lb.Key, z.Address) == nil {
					continue
				}
				address, err := c.addresses.Lend(lb.Key)
				if err != nil {
					c.cfg.Log.Error("load balancer keeps an address that it cannot have", "loadBalancer", lb.Key, "address", z.Address, "error", err)
					continue
				}
				c.cfg.Log.Warn("load balancer gets another address: its own is not to be had", "loadBalancer", lb.Key, "was", z.Address, "is", address)
				r.rehome(lb.Key, i, address)
			}
		}
	}
}

// rehome gives a load balancer another address in one of its zones. The lock is held.
func (r *Region) rehome(key string, zone int, address netip.Addr) {
	x := r.begin()
	lb := r.loadBalancers.edit(x, key, func(lb *LoadBalancer) {
		zones := append([]Zone(nil), lb.Zones...)
		zones[zone].Address = address
		lb.Zones = zones
	})
	if eni, ok := r.interfaces.get(lb.Zones[zone].Interface); ok && eni.Public.IsValid() {
		r.interfaces.edit(x, eni.Key, func(i *NetworkInterface) { i.Public = address })
	}
	x.commit()
}

// MovedAside returns where a damaged state file was moved to when the Cloud was opened; empty when it was sound.
func (c *Cloud) MovedAside() string { return c.aside }

// Health returns nil while changes can be written.
func (c *Cloud) Health() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.store == nil {
		return nil
	}
	return c.store.refusal
}

// writable is nil when a change may be tried. The lock is held.
func (c *Cloud) writable() error {
	if c.closed {
		return &Fault{Code: "ServiceUnavailable", Message: "The fake cloud is stopping", Status: 503}
	}
	s := c.store
	if s == nil || s.refusal == nil {
		return nil
	}
	if c.cfg.Clock.Now().Before(s.refusedUntil) {
		return s.refusal
	}
	if s.stale {
		if err := c.reload(); err != nil {
			s.refusedUntil = c.cfg.Clock.Now().Add(refusalTime)
			return s.refusal
		}
	}
	return nil
}

// persist takes a change to be written and returns what waits for it. The lock is held.
func (c *Cloud) persist(x *tx) (wait func() error) {
	if c.store == nil {
		if !x.quiet {
			c.notify()
		}
		return func() error { return nil }
	}
	if c.closed {
		return func() error { return c.writable() }
	}
	b := c.store.pending
	for at, r := range x.writes {
		b.writes[at] = r
	}
	b.quiet = b.quiet && x.quiet
	select {
	case c.store.wake <- struct{}{}:
	default:
	}
	return func() error {
		<-b.done
		return b.err
	}
}

// commitLoop writes batches until the Cloud is closed: while one is being written, the next gathers.
func (c *Cloud) commitLoop() {
	defer close(c.store.stopped)
	_, index := kinds()
	for range c.store.wake {
		c.commitPending(index)
	}
	c.commitPending(index)
}

func (c *Cloud) commitPending(index map[string]int) {
	c.mu.Lock()
	b := c.store.pending
	c.store.pending = newBatch()
	d := disk.Batch{Seq: c.seq}
	c.mu.Unlock()
	defer close(b.done)
	if len(b.writes) == 0 {
		return
	}
	for at, r := range b.writes {
		record := disk.Record{Bucket: index[at.table], Key: []byte(at.region + "\x00" + at.key)}
		if r != nil {
			record.Value = r
		}
		d.Records = append(d.Records, record)
	}
	if err := c.store.commit(d); err != nil {
		c.undo(b, err)
		return
	}
	c.recovered()
	if !b.quiet {
		c.notify()
	}
}

// undo makes the account again what the disk says, and fails all who wait. What was changed meanwhile was built on what has just been
// lost, so it fails too.
func (c *Cloud) undo(b *batch, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.store
	later := s.pending
	s.pending = newBatch()
	if s.refusal == nil {
		c.cfg.Log.Error("state of AWS cannot be written: changes are refused until it can", "file", c.cfg.Path, "error", cause)
	}
	s.refusal = &Fault{Code: "ServiceUnavailable", Message: "The fake cloud cannot write its state", Status: 503}
	s.refusedUntil = c.cfg.Clock.Now().Add(refusalTime)
	s.stale = true
	if err := c.reload(); err != nil {
		c.cfg.Log.Error("state of AWS cannot be read again: changes are refused until it can", "file", c.cfg.Path, "error", err)
	}
	b.err, later.err = s.refusal, s.refusal
	close(later.done)
}

// reload replaces what is in memory by what is on disk. The lock is held.
func (c *Cloud) reload() error {
	was, held := c.regions, c.held()
	c.regions = map[string]*Region{}
	seq, err := c.store.file.Load(c.load)
	if err != nil {
		c.regions = was
		return err
	}
	// Those who have a *Region keep it: it gets what was read.
	for name, r := range was {
		loaded, ok := c.regions[name]
		r.users, r.version, r.view = map[string]map[string]struct{}{}, r.version+1, nil
		r.tables = newTables(r)
		if ok {
			r.adopt(loaded)
		} else {
			x := r.begin()
			r.seed(x)
			x.commit()
		}
		c.regions[name] = r
	}
	c.seq = max(c.seq, seq)
	c.store.stale = false
	now := c.held()
	for ip := range held {
		if _, still := now[ip]; !still {
			c.addresses.GiveBack(ip)
		}
	}
	for ip, lb := range now {
		if _, had := held[ip]; had {
			continue
		}
		if err := c.addresses.Claim(lb, ip); err != nil {
			c.cfg.Log.Error("load balancer keeps an address that it cannot have", "loadBalancer", lb, "address", ip, "error", err)
		}
	}
	c.reschedule()
	c.notify()
	return nil
}

// adopt takes the rows of another. The lock is held.
func (r *Region) adopt(other *Region) {
	mine := r.list()
	for i, t := range other.list() {
		t.each(mine[i].set)
	}
}

// held returns the load balancers' addresses. The lock is held.
func (c *Cloud) held() map[netip.Addr]string {
	held := map[netip.Addr]string{}
	for _, r := range c.regions {
		for _, lb := range r.loadBalancers.all() {
			for _, z := range lb.Zones {
				held[z.Address] = lb.Key
			}
		}
	}
	return held
}

func (c *Cloud) recovered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.store.refusal != nil {
		c.store.refusal = nil
		c.cfg.Log.Info("state of AWS can be written again", "file", c.cfg.Path)
	}
}

// closeDisk writes what is pending and closes the file.
func (c *Cloud) closeDisk() error {
	if c.store == nil {
		return nil
	}
	close(c.store.wake)
	<-c.store.stopped
	return c.store.file.Close()
}
