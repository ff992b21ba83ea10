package aws

import "time"

// refusalTime is how long writes are refused after one that failed.
const refusalTime = time.Second

type disk struct{}

func (c *Cloud) open() error { return nil }

func (c *Cloud) closeDisk() error { return nil }

// writable is nil when a change may be tried. The lock is held.
func (c *Cloud) writable() error {
	if c.closed {
		return &Fault{Code: "ServiceUnavailable", Message: "The fake cloud is stopping", Status: 503}
	}
	return nil
}

func (c *Cloud) persist(x *tx) (wait func() error) {
	if !x.quiet {
		c.notify()
	}
	return func() error { return nil }
}
