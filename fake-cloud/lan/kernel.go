package lan

import "net/netip"

// neighbour is what the kernel knows about who has an address.
type neighbour uint8

const (
	unknown  neighbour = iota // it does not know and is not asking
	asking                    // it has asked and waits
	nobody                    // it has asked and nobody answered
	somebody                  // somebody has it
	noARP                     // the interface has no ARP
)

// entry is one line of the neighbour table.
type entry struct {
	state    neighbour
	hardware string // of whom, when somebody
}

// state is what the kernel says of the interface and its addresses.
type state struct {
	up       bool
	hardware string                // of the interface
	network  netip.Prefix          // the interface's own; invalid when it has none
	ours     map[netip.Addr]string // addresses on the interface with our label, by address
	others   map[netip.Addr]string // what is taken for another reason: this machine's addresses, its gateways
}

// kernel is the part of an operating system that a Link needs. It is a seam for tests; there is one for Linux.
type kernel interface {
	state() (state, error)
	neighbours() (map[netip.Addr]entry, error)
	add(netip.Addr) error     // puts it on the interface, or puts off its expiry
	remove(netip.Addr) error  // no error when it is not there
	solicit(netip.Addr) error // makes the kernel ask who has it, or say that we do
	forget(netip.Addr) error  // its neighbour entry; no error when there is none
	close() error
}
