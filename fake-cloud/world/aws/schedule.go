package aws

import (
	"container/heap"
	"time"
)

// arm sets the alarm for what is due first. The lock is held.
func (c *Cloud) arm() {
	if len(c.schedule) == 0 || c.closed {
		return
	}
	first := c.schedule[0].at
	if c.armed.IsZero() || first.Before(c.armed) {
		c.armAt(first)
	}
}

func (c *Cloud) armAt(at time.Time) {
	if c.disarm != nil {
		c.disarm()
	}
	c.armed = at
	c.disarm = c.cfg.Clock.Alarm(at, c.tick)
}

// tick ends the passing states that are due.
func (c *Cloud) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.armed = time.Time{}
	if c.writable() != nil {
		c.armAt(c.cfg.Clock.Now().Add(refusalTime)) // the disk refuses: try again when it may be asked again
		return
	}
	now := c.cfg.Clock.Now().UTC()
	for _, a := range c.schedule.pop(now) {
		for _, t := range a.region.list() {
			r, ok := t.find(a.key)
			if !ok || r.meta().Due.IsZero() || r.meta().Due.After(now) {
				continue
			}
			x := a.region.begin()
			a.region.finish(x, t, r)
			x.commit()
		}
	}
	c.arm()
}

// reschedule makes the schedule anew from the tables. The lock is held.
func (c *Cloud) reschedule() {
	c.schedule = nil
	for _, r := range c.regions {
		for _, t := range r.list() {
			t.each(func(got row) {
				if due := got.meta().Due; !due.IsZero() {
					c.schedule.push(due, r, got.meta().Key)
				}
			})
		}
	}
	c.armed = time.Time{}
	c.arm()
}

// finish ends the passing state of a row. The lock is held.
func (r *Region) finish(x *tx, t anyTable, was row) {
	switch was := was.(type) {
	case *LoadBalancer:
		r.finishLoadBalancer(x, was)
	case *Target:
		r.finishTarget(x, was)
	case *TrustStore:
		r.finishTrustStore(x, was)
	case *NetworkInterface:
		r.interfaces.drop(x, was.Key) // one that a load balancer has left behind
	case *Session:
		r.sessions.drop(x, was.Key)
	case *Instance:
		r.instances.drop(x, was.Key) // one that was terminated
	case *Certificate:
		r.finishCertificate(x, was)
	default:
		next := t.clone(was)
		next.meta().Due = time.Time{}
		x.put(t, next)
	}
}

// schedule is a heap of what is due when. What has changed since it was pushed is noticed when it is popped.
type schedule []appointment

type appointment struct {
	at     time.Time
	region *Region
	key    string
}

func (s *schedule) push(at time.Time, r *Region, key string) {
	heap.Push((*byTime)(s), appointment{at, r, key})
}

// pop returns what is due at now, first things first.
func (s *schedule) pop(now time.Time) []appointment {
	var due []appointment
	for len(*s) > 0 && !(*s)[0].at.After(now) {
		due = append(due, heap.Pop((*byTime)(s)).(appointment))
	}
	return due
}

type byTime []appointment

func (s byTime) Len() int           { return len(s) }
func (s byTime) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s byTime) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *byTime) Push(x any)        { *s = append(*s, x.(appointment)) }
func (s *byTime) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}
