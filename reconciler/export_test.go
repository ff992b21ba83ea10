package reconciler

// Remembered returns how many owners something is remembered of, and how many objects whose status was written.
func (c *Controller) Remembered() (owners, written int) {
	c.ledger.mu.Lock()
	owners = len(c.ledger.entries) + len(c.ledger.released)
	c.ledger.mu.Unlock()
	c.writer.mu.Lock()
	defer c.writer.mu.Unlock()
	return owners, len(c.writer.wrote)
}
