package lan

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake is a kernel whose neighbour table the test writes. A question that nobody answers fails after three seconds.
type fake struct {
	now    time.Time
	on     map[netip.Addr]string
	others map[netip.Addr]string
	lan    map[netip.Addr]string // who really is there
	table  map[netip.Addr]entry
	asked  map[netip.Addr]time.Time
	calls  []string
	broken map[string]error // by call
	closed bool
}

func newFake() *fake {
	return &fake{
		now: time.Unix(1e9, 0), on: map[netip.Addr]string{}, others: map[netip.Addr]string{}, lan: map[netip.Addr]string{},
		table: map[netip.Addr]entry{}, asked: map[netip.Addr]time.Time{}, broken: map[string]error{},
	}
}

func (f *fake) call(name string, ip netip.Addr) error {
	f.calls = append(f.calls, name+" "+ip.String())
	return f.broken[name]
}

func (f *fake) state() (state, error) {
	return state{up: true, hardware: "02:00", ours: maps.Clone(f.on), others: maps.Clone(f.others)}, f.broken["state"]
}

func (f *fake) neighbours() (map[netip.Addr]entry, error) {
	for ip, at := range f.asked {
		switch {
		case f.lan[ip] != "" && f.on[ip] == "":
			f.table[ip] = entry{somebody, f.lan[ip]}
		case f.now.Sub(at) >= 3*time.Second:
			f.table[ip] = entry{state: nobody}
		default:
			f.table[ip] = entry{state: asking}
		}
	}
	return maps.Clone(f.table), nil
}

func (f *fake) add(ip netip.Addr) error {
	if err := f.call("add", ip); err != nil {
		return err
	}
	f.on[ip] = "eth0:cg"
	return nil
}

func (f *fake) remove(ip netip.Addr) error {
	delete(f.on, ip)
	return f.call("remove", ip)
}

func (f *fake) solicit(ip netip.Addr) error {
	f.asked[ip] = f.now
	return f.call("solicit", ip)
}

func (f *fake) forget(ip netip.Addr) error {
	delete(f.asked, ip)
	delete(f.table, ip)
	return nil
}

func (f *fake) close() error {
	f.closed = true
	return nil
}

func newTestLink(t *testing.T, f *fake) *Link {
	t.Helper()
	l, err := newLink(Config{Now: func() time.Time { return f.now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, "eth0", f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// pass lets time go by, with a step every half second.
func pass(l *Link, f *fake, d time.Duration) {
	for end := f.now.Add(d); !f.now.After(end); f.now = f.now.Add(500 * time.Millisecond) {
		l.step()
	}
}

// held returns how long it takes until an address is held, up to ten seconds.
func held(l *Link, f *fake, at netip.Addr) time.Duration {
	begin := f.now
	for f.now.Sub(begin) < 10*time.Second {
		l.step()
		if l.Status(at).Held {
			break
		}
		f.now = f.now.Add(100 * time.Millisecond)
	}
	return f.now.Sub(begin)
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestHowLongAnAddressTakes(t *testing.T) {
	a := ip("10.0.0.9")
	tests := []struct {
		reason string
		before func(*Link, *fake)
		want   time.Duration
		knows  bool // that it was ours before
	}{
		{"a new one waits for the kernel's three questions", func(*Link, *fake) {}, 3 * time.Second, false},
		{"one that was ours before waits for a short look", func(*Link, *fake) {}, 600 * time.Millisecond, true},
		{"one that is still there is ours", func(_ *Link, f *fake) { f.on[a] = "eth0:cg" }, 0, false},
		{"one that was proved is free", func(l *Link, f *fake) {
			l.Prove([]netip.Addr{a})
			pass(l, f, 4*time.Second)
		}, 0, false},
		{"a proof does not last", func(l *Link, f *fake) {
			l.Prove([]netip.Addr{a})
			pass(l, f, proofLasts+10*time.Second)
		}, 3 * time.Second, false},
		{"a proof that is under way is waited for, and not begun again", func(l *Link, f *fake) {
			l.Prove([]netip.Addr{a})
			pass(l, f, 2*time.Second)
		}, 500 * time.Millisecond, false},
		{"one that was just given back needs no proof", func(l *Link, f *fake) {
			l.Complete()
			l.Hold(a, false)
			pass(l, f, 4*time.Second)
			l.Release(a)
			pass(l, f, time.Second)
			if len(f.on) > 0 {
				panic("it was not given back")
			}
		}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			f := newFake()
			l := newTestLink(t, f)
			tt.before(l, f)
			l.Hold(a, tt.knows)
			if got := held(l, f, a); got != tt.want {
				t.Errorf("want %v, got %v", tt.want, got)
			}
			if last := f.calls[len(f.calls)-2:]; !slices.Equal(last, []string{"add 10.0.0.9", "solicit 10.0.0.9"}) {
				t.Errorf("want it put there and announced, got %v", f.calls)
			}
		})
	}
}

func TestAddressesThatOthersHave(t *testing.T) {
	a, b := ip("10.0.0.9"), ip("10.0.0.10")
	f := newFake()
	l := newTestLink(t, f)
	f.lan[a], f.others[b] = "02:99", aGateway
	l.Hold(a, true)
	l.Hold(b, false)
	pass(l, f, time.Second)
	if got, want := l.Status(a), (Status{TakenBy: "the host with hardware address 02:99"}); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	if got, want := l.Status(b), (Status{TakenBy: aGateway}); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	if len(f.on) > 0 {
		t.Errorf("it was put on the interface all the same: %v", f.on)
	}
	if l.Taken(a) == "" || l.Taken(ip("10.0.0.11")) != "" {
		t.Error("Taken does not say who has an address")
	}
	delete(f.lan, a)
	pass(l, f, takenLasts+10*time.Second)
	if !l.Status(a).Held {
		t.Errorf("the other has gone, and the address is not used: %+v", l.Status(a))
	}
}

func TestAConflictIsCountedAndDefended(t *testing.T) {
	a := ip("10.0.0.9")
	f := newFake()
	l := newTestLink(t, f)
	l.Hold(a, false)
	pass(l, f, 10*time.Second)
	if _, _, conflicts := l.Counts(); conflicts != 0 {
		t.Errorf("%d conflicts with nobody", conflicts)
	}
	f.calls = nil
	f.table[a] = entry{somebody, "02:99"} // as the kernel takes it down
	delete(f.asked, a)
	l.step()
	if _, _, conflicts := l.Counts(); conflicts != 1 || !slices.Contains(f.calls, "solicit 10.0.0.9") || !l.Status(a).Held {
		t.Errorf("want one conflict, an announcement and the address kept, got %d, %v, %+v", conflicts, f.calls, l.Status(a))
	}
}

func TestWhatIsLeftOverGoes(t *testing.T) {
	f := newFake()
	left, kept := ip("10.0.0.7"), ip("10.0.0.9")
	f.on[left], f.on[kept] = "eth0:cg", "eth0:cg"
	l := newTestLink(t, f)
	pass(l, f, time.Second)
	if len(f.on) != 2 {
		t.Fatalf("addresses went before anybody said that there are no more: %v", f.calls)
	}
	l.Hold(kept, true)
	l.Hold(kept, true)
	l.Complete()
	l.Release(kept)
	pass(l, f, time.Second)
	if diff := cmp.Diff([]netip.Addr{kept}, slices.Collect(maps.Keys(f.on)), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := l.Close(); err != nil || len(f.on) > 0 || !f.closed {
		t.Errorf("Close: %v, %v", err, f.on)
	}
	l.step() // does nothing
}

func TestExpiryIsPutOffAndALostAddressPutBack(t *testing.T) {
	a := ip("10.0.0.9")
	f := newFake()
	l := newTestLink(t, f)
	l.Hold(a, true)
	pass(l, f, 2*time.Second)
	f.calls = nil
	pass(l, f, 5*time.Minute)
	adds := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, "add ") {
			adds++
		}
	}
	if adds < 4 || adds > 6 {
		t.Errorf("in five minutes: want about five, got %d", adds)
	}
	delete(f.on, a)
	l.step()
	if f.on[a] == "" {
		t.Error("an address that was taken away is not put back")
	}
}

func TestTroubleIsToldAndGoesByItself(t *testing.T) {
	a, b := ip("10.0.0.9"), ip("10.0.0.10")
	f := newFake()
	l := newTestLink(t, f)
	for _, call := range []string{"state", "add", "solicit"} {
		f.broken[call] = errors.New(call + " does not work")
		l.Hold(a, true)
		l.Hold(b, true)
		pass(l, f, 2*time.Second)
		if got := l.Status(b); call != "solicit" && (got.Held || got.Failure != call+" does not work") {
			t.Errorf("%s: got %+v", call, got)
		}
		delete(f.broken, call)
		pass(l, f, 2*time.Second)
		if !l.Status(a).Held || l.Status(b) != (Status{Held: true}) {
			t.Errorf("%s works again: got %+v and %+v", call, l.Status(a), l.Status(b))
		}
		l.Release(a)
		l.Release(b)
		l.Complete()
		pass(l, f, time.Second)
	}
}

func TestTheNeighbourTableStaysSmall(t *testing.T) {
	f := newFake()
	l := newTestLink(t, f)
	for i := range 3 * watchedMax {
		l.Hold(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), true)
	}
	pass(l, f, 10*time.Second)
	if held, waiting, _ := l.Counts(); held != 3*watchedMax || waiting != 0 || len(f.table) != watchedMax {
		t.Errorf("want all held with %d entries, got %d, %d waiting, %d entries", watchedMax, held, waiting, len(f.table))
	}
}

func TestSuits(t *testing.T) {
	for _, tt := range []struct{ first, last, want string }{
		{"172.18.200.0", "172.18.200.255", ""},
		{"1.0.0.0", "126.255.255.255", ""},
		{"128.0.0.0", "223.255.255.255", ""},
		{"0.0.0.0", "1.0.0.0", "0.0.0.0/8"},
		{"126.0.0.0", "128.0.0.0", "127.0.0.0/8"},
		{"223.255.255.255", "224.0.0.0", "224.0.0.0/3"},
		{"255.255.255.255", "255.255.255.255", "224.0.0.0/3"},
		{"fd00::", "fd00::1", "IPv4 addresses alone"},
	} {
		if err := Suits(ip(tt.first), ip(tt.last)); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s to %s: want %q, got %v", tt.first, tt.last, tt.want, err)
		}
	}
}

func TestEnds(t *testing.T) {
	for network, want := range map[string][]netip.Addr{
		"172.31.0.18/28": {ip("172.31.0.16"), ip("172.31.0.31")}, "10.1.2.3/8": {ip("10.0.0.0"), ip("10.255.255.255")},
		"10.0.0.1/30": {ip("10.0.0.0"), ip("10.0.0.3")}, "10.0.0.1/31": nil, "10.0.0.1/32": nil, "1.2.3.4/0": nil, "fd00::1/64": nil,
	} {
		if got := ends(netip.MustParsePrefix(network)); !slices.Equal(want, got) {
			t.Errorf("%s: want %v, got %v", network, want, got)
		}
	}
}

func TestShare(t *testing.T) {
	tests := []struct{ network, first, last string }{
		{"172.18.0.2/16", "172.18.252.0", "172.18.255.254"},
		{"10.1.2.3/8", "10.255.252.0", "10.255.255.254"},
		{"192.168.1.10/24", "192.168.1.240", "192.168.1.254"},
		{"192.168.1.10/20", "192.168.15.0", "192.168.15.254"},
		{"192.168.1.10/28", "192.168.1.8", "192.168.1.14"},
		{"192.168.1.10/29", "192.168.1.12", "192.168.1.14"},
		{"192.168.1.1/30", "192.168.1.2", "192.168.1.2"},
		{"1.2.3.4/0", "255.255.252.0", "255.255.255.254"},
		{"192.168.1.10/31", "", ""},
		{"192.168.1.10/32", "", ""},
		{"fd00::1/64", "", ""},
	}
	for _, tt := range tests {
		first, last, err := Share(netip.MustParsePrefix(tt.network))
		if tt.first == "" {
			if err == nil {
				t.Errorf("%s: want an error, got %s to %s", tt.network, first, last)
			}
			continue
		}
		if err != nil || first.String() != tt.first || last.String() != tt.last {
			t.Errorf("%s: want %s to %s, got %s to %s, %v", tt.network, tt.first, tt.last, first, last, err)
		}
	}
}
