package route

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// seed keys every hash of the process, so that nobody outside can choose names that collide.
var seed = maphash.MakeSeed()

func hash(key string) uint64 { return maphash.String(seed, key) }

// owner marks what one Edit has made and may therefore still change in place. It has a size so that two owners differ.
type owner struct{ _ byte }

// hamt is a persistent map from strings: a hash array mapped trie with 64 slots a node. The zero hamt is empty. Changing one
// copies the nodes on the way down, unless they bear the owner that asks for the change.
type hamt[T any] struct {
	root *hamtNode[T]
	size int
}

type hamtNode[T any] struct {
	owner   *owner
	leaves  uint64         // which slots hold an entry
	kids    uint64         // which slots hold a node
	entries []hamtEntry[T] // of leaves, in slot order; at the bottom, keys whose whole hashes collide
	nodes   []*hamtNode[T] // of kids, in slot order
}

type hamtEntry[T any] struct {
	hash uint64
	key  string
	val  T
}

const (
	slotBits = 6
	slotMask = 1<<slotBits - 1
	hashBits = 64
)

func slot(hash uint64, shift uint) uint64 { return 1 << (hash >> shift & slotMask) }

// index is the position of bit among those set in bitmap.
func index(bitmap, bit uint64) int { return bits.OnesCount64(bitmap & (bit - 1)) }

func (m *hamt[T]) get(key string, hash uint64) (T, bool) {
	n := m.root
	for shift := uint(0); n != nil && shift < hashBits; shift += slotBits {
		bit := slot(hash, shift)
		if n.leaves&bit != 0 {
			if e := &n.entries[index(n.leaves, bit)]; e.hash == hash && e.key == key {
				return e.val, true
			}
			break
		}
		if n.kids&bit == 0 {
			break
		}
		n = n.nodes[index(n.kids, bit)]
		if shift+slotBits >= hashBits {
			return n.getCollided(key)
		}
	}
	var none T
	return none, false
}

func (n *hamtNode[T]) getCollided(key string) (T, bool) {
	if i := n.find(key); i >= 0 {
		return n.entries[i].val, true
	}
	var none T
	return none, false
}

func (n *hamtNode[T]) find(key string) int {
	return slices.IndexFunc(n.entries, func(e hamtEntry[T]) bool { return e.key == key })
}

// set makes key stand for val.
func (m *hamt[T]) set(by *owner, key string, val T) {
	root, added := m.root.set(by, 0, hamtEntry[T]{hash(key), key, val})
	m.root = root
	if added {
		m.size++
	}
}

// delete removes key, which need not be there.
func (m *hamt[T]) delete(by *owner, key string) {
	root, removed := m.root.delete(by, 0, hash(key), key)
	if removed {
		m.root = root
		m.size--
	}
}

// all calls yield for each entry until it returns false.
func (m *hamt[T]) all(yield func(string, T) bool) { m.root.all(yield) }

func (n *hamtNode[T]) all(yield func(string, T) bool) bool {
	if n == nil {
		return true
	}
	for i := range n.entries {
		if !yield(n.entries[i].key, n.entries[i].val) {
			return false
		}
	}
	for _, kid := range n.nodes {
		if !kid.all(yield) {
			return false
		}
	}
	return true
}

// mine returns n if by made it, else a copy that by may change.
func (n *hamtNode[T]) mine(by *owner) *hamtNode[T] {
	if n.owner == by {
		return n
	}
	copied := *n
	copied.owner = by
	copied.entries = append(make([]hamtEntry[T], 0, len(n.entries)+1), n.entries...)
	copied.nodes = append(make([]*hamtNode[T], 0, len(n.nodes)+1), n.nodes...)
	return &copied
}

// newHamtNode returns a node that has its first entry beside it, because most maps have one entry and memory far apart is slow.
func newHamtNode[T any](by *owner) *hamtNode[T] {
	made := new(struct {
		hamtNode[T]
		room [1]hamtEntry[T]
	})
	made.owner, made.entries = by, made.room[:0]
	return &made.hamtNode
}

func (n *hamtNode[T]) set(by *owner, shift uint, e hamtEntry[T]) (*hamtNode[T], bool) {
	if n == nil {
		n = newHamtNode[T](by)
	} else {
		n = n.mine(by)
	}
	if shift >= hashBits {
		return n, n.setCollided(e)
	}
	bit := slot(e.hash, shift)
	switch {
	case n.kids&bit != 0:
		i := index(n.kids, bit)
		kid, added := n.nodes[i].set(by, shift+slotBits, e)
		n.nodes[i] = kid
		return n, added
	case n.leaves&bit == 0:
		n.putEntry(bit, e)
		return n, true
	}
	i := index(n.leaves, bit)
	if n.entries[i].key == e.key {
		n.entries[i] = e
		return n, false
	}
	n.push(by, shift, bit, i)
	kid := index(n.kids, bit)
	n.nodes[kid], _ = n.nodes[kid].set(by, shift+slotBits, e)
	return n, true
}

func (n *hamtNode[T]) setCollided(e hamtEntry[T]) (added bool) {
	if i := n.find(e.key); i >= 0 {
		n.entries[i] = e
		return false
	}
	n.entries = append(n.entries, e)
	return true
}

func (n *hamtNode[T]) putEntry(bit uint64, e hamtEntry[T]) {
	n.entries = slices.Insert(n.entries, index(n.leaves, bit), e)
	n.leaves |= bit
}

// push moves the entry at i, in slot bit, one node down.
func (n *hamtNode[T]) push(by *owner, shift uint, bit uint64, i int) {
	e := n.entries[i]
	kid, _ := (*hamtNode[T])(nil).set(by, shift+slotBits, e)
	n.entries = slices.Delete(n.entries, i, i+1)
	n.leaves &^= bit
	n.nodes = slices.Insert(n.nodes, index(n.kids, bit), kid)
	n.kids |= bit
}

// delete returns what is left of n, nil for nothing. A node that holds a single entry is drawn into the one above.
func (n *hamtNode[T]) delete(by *owner, shift uint, hash uint64, key string) (*hamtNode[T], bool) {
	if n == nil {
		return nil, false
	}
	if shift >= hashBits {
		return n.deleteCollided(by, key)
	}
	bit := slot(hash, shift)
	switch {
	case n.kids&bit != 0:
		i := index(n.kids, bit)
		kid, removed := n.nodes[i].delete(by, shift+slotBits, hash, key)
		if !removed {
			return n, false
		}
		n = n.mine(by)
		n.nodes[i] = kid
		n.shrink(bit, i)
		return n.orNil(), true
	case n.leaves&bit != 0:
		i := index(n.leaves, bit)
		if n.entries[i].key != key {
			return n, false
		}
		n = n.mine(by)
		n.entries = slices.Delete(n.entries, i, i+1)
		n.leaves &^= bit
		return n.orNil(), true
	}
	return n, false
}

func (n *hamtNode[T]) deleteCollided(by *owner, key string) (*hamtNode[T], bool) {
	i := n.find(key)
	if i < 0 {
		return n, false
	}
	n = n.mine(by)
	n.entries = slices.Delete(n.entries, i, i+1)
	return n.orNil(), true
}

// shrink removes the kid at i, in slot bit, if it is empty, and draws it in if it holds one entry.
func (n *hamtNode[T]) shrink(bit uint64, i int) {
	kid := n.nodes[i]
	if kid != nil && (len(kid.nodes) > 0 || len(kid.entries) > 1) {
		return
	}
	n.nodes = slices.Delete(n.nodes, i, i+1)
	n.kids &^= bit
	if kid != nil {
		n.putEntry(bit, kid.entries[0])
	}
}

func (n *hamtNode[T]) orNil() *hamtNode[T] {
	if len(n.entries) == 0 && len(n.nodes) == 0 {
		return nil
	}
	return n
}
