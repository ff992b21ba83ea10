package lan

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Auto, as the name of an interface, is that of the default route.
const Auto = "auto"

// Who has an address, in words.
const (
	thisMachine = "this machine itself"
	aGateway    = "a gateway of this machine"
	aNetwork    = "a network of this machine, as its own address or that of its broadcasts"
)

const (
	patience   = 10 * time.Second       // for the kernel to say whether anybody has an address; it takes three seconds
	briefly    = 500 * time.Millisecond // the same for an address that was ours before: a neighbour answers within milliseconds
	proofLasts = 2 * time.Minute        // that nobody has an address
	takenLasts = 5 * time.Minute        // then it is tried again
	putOff     = time.Minute            // between two times that the expiry of addresses is put off
	defence    = 10 * time.Second       // between two announcements against somebody else, as RFC 5227 wants
	watchedMax = 64                     // addresses that are watched for conflicts: the kernel's neighbour table is small
)

// Config is what a Link is made of. All is required.
type Config struct {
	Interface string // or Auto
	Now       func() time.Time
	Log       *slog.Logger
}

// Link is one interface with the addresses that were put on it. Safe for concurrent use. It does its work while Run runs.
type Link struct {
	name    string
	now     func() time.Time
	log     *slog.Logger
	kick    chan struct{}
	changed chan struct{}

	mu        sync.Mutex
	kernel    kernel
	last      state // of the interface
	wanted    map[netip.Addr]*address
	proofs    map[netip.Addr]*proof
	taken     map[netip.Addr]claim
	complete  bool // all that were held before are wanted again
	refreshed time.Time
	trouble   string // what was logged last
	conflicts uint64
	closed    bool
}

// address is one that somebody wants.
type address struct {
	users     int
	status    Status
	familiar  bool // it was ours before
	asked     time.Time
	conflict  string // the hardware address that claims it too
	defended  time.Time
	announced bool
	spoke     time.Time // when it was announced, or should have been
}

// proof that nobody has an address: under way, or done.
type proof struct {
	asked time.Time
	done  time.Time // zero while it is under way
}

// claim is what somebody else has.
type claim struct {
	by string
	at time.Time
}

// Status is how an address that was asked for is.
type Status struct {
	Held    bool   // it is on the interface
	TakenBy string // who has it, in words; empty when nobody is known to
	Failure string // why it cannot be put on the interface: a sentence
}

// Open finds the interface, and keeps other Links from it. The error is a sentence for the user. Close it.
func Open(cfg Config) (*Link, error) {
	k, name, err := openKernel(cfg.Interface)
	if err != nil {
		return nil, err
	}
	l, err := newLink(cfg, name, k)
	if err != nil {
		_ = k.close() // nothing was done with it
		return nil, err
	}
	return l, nil
}

func newLink(cfg Config, name string, k kernel) (*Link, error) {
	l := &Link{
		name: name, now: cfg.Now, log: cfg.Log, kernel: k, kick: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		wanted: map[netip.Addr]*address{}, proofs: map[netip.Addr]*proof{}, taken: map[netip.Addr]claim{},
	}
	var err error
	l.last, err = k.state()
	return l, err
}

// Name returns the name of the interface.
func (l *Link) Name() string { return l.name }

// Network returns the interface's own address and network; it is not valid when it has none.
func (l *Link) Network() netip.Prefix {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.network
}

// Changed has a value when the Status of an address may have changed.
func (l *Link) Changed() <-chan struct{} { return l.changed }

// Hold asks for an address. Each Hold wants its Release. familiar says that the address was ours before, so that a short look
// whether anybody else has it is enough.
func (l *Link) Hold(ip netip.Addr, familiar bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.wanted[ip]
	if a == nil {
		a = &address{familiar: familiar}
		l.wanted[ip] = a
	}
	a.users++
	signal(l.kick)
}

// Release gives an address back. It goes from the interface when nobody holds it any more.
func (l *Link) Release(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.wanted[ip]
	if a == nil {
		return
	}
	if a.users--; a.users > 0 {
		return
	}
	delete(l.wanted, ip)
	if a.status.Held && a.conflict == "" {
		l.proofs[ip] = &proof{asked: l.now(), done: l.now()} // nobody had it as long as we did
	}
	signal(l.kick)
}

// Status says how an address is that is held or asked for.
func (l *Link) Status(ip netip.Addr) Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.wanted[ip]; a != nil {
		return a.status
	}
	return Status{}
}

// Complete says that Hold was called for all addresses that should be there from before. What else bears our label then goes.
func (l *Link) Complete() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complete = true
	signal(l.kick)
}

// Prove finds out in advance that nobody has the addresses, so that a Hold of one of them is quick. Those that it was asked about
// before and not again are forgotten in time.
func (l *Link) Prove(ips []netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ip := range ips {
		if l.proofs[ip] == nil && l.wanted[ip] == nil && l.takenBy(ip) == "" {
			l.proofs[ip] = &proof{}
			signal(l.kick)
		}
	}
}

// Taken says in words who has an address; empty when nobody is known to, or we do ourselves.
func (l *Link) Taken(ip netip.Addr) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takenBy(ip)
}

// takenBy is Taken. The lock is held.
func (l *Link) takenBy(ip netip.Addr) string {
	if by := l.last.others[ip]; by != "" {
		return by
	}
	if c, ok := l.taken[ip]; ok {
		return c.by
	}
	return ""
}

// Counts returns how many addresses are held, how many are waited for, and how often somebody else was found to have one.
func (l *Link) Counts() (held, waiting int, conflicts uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.wanted {
		if a.status.Held {
			held++
		} else {
			waiting++
		}
	}
	return held, waiting, l.conflicts
}

// Close takes all addresses from the interface, and lets go of it.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var failed error
	s, err := l.kernel.state()
	if err != nil {
		failed = err // the interface is gone, and the addresses with it
	}
	for ip := range s.ours {
		if err := l.drop(ip); err != nil {
			failed = err
		}
	}
	if err := l.kernel.close(); err != nil {
		failed = err
	}
	if failed != nil {
		return fmt.Errorf("addresses on %s: %w", l.name, failed)
	}
	return nil
}

// drop takes an address from the interface. The lock is held.
func (l *Link) drop(ip netip.Addr) error {
	if err := l.kernel.remove(ip); err != nil {
		return err
	}
	return l.kernel.forget(ip)
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
