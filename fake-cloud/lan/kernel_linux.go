package lan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// expiry is after how many seconds an address goes from the interface when nobody puts it off.
const expiry = 300

// labelEnd marks our addresses. A label begins with the interface's name and has at most 15 bytes.
const (
	labelEnd = ":cg"
	labelMax = unix.IFNAMSIZ - 1
)

// linux is the kernel of this network namespace, seen from one interface.
type linux struct {
	name  string
	label string
	index int // as of the last call of state
	nl    *netlink.Handle
	lock  int // a socket whose name is held as long as the process lives
}

// openKernel finds the interface and makes it this process's. name may be "auto".
func openKernel(name string) (kernel, string, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, "", fmt.Errorf("netlink: %w", err)
	}
	k := &linux{nl: nl, lock: -1}
	if k.name = name; name == Auto {
		if k.name, err = k.defaultInterface(); err != nil {
			nl.Close()
			return nil, "", err
		}
	}
	k.label = k.name[:min(len(k.name), labelMax-len(labelEnd))] + labelEnd
	if err := k.check(); err != nil {
		return nil, "", errors.Join(err, k.close())
	}
	return k, k.name, nil
}

// check finds out at the start what would fail later.
func (k *linux) check() error {
	link, err := k.nl.LinkByName(k.name)
	if err != nil {
		return fmt.Errorf("interface %s: %w: there are %s", k.name, err, k.interfaces())
	}
	k.index = link.Attrs().Index
	// To forget who has no address at all changes nothing, and is refused to those who may not change anything.
	if err := k.forget(netip.IPv4Unspecified()); errors.Is(err, unix.EPERM) {
		return fmt.Errorf("interface %s cannot be changed: that takes the capability NET_ADMIN", k.name)
	}
	return k.seize()
}

// seize keeps other fake clouds from the interface until the process ends. The name lives in the network namespace.
func (k *linux) seize() error {
	lock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("lock of interface %s: %w", k.name, err)
	}
	k.lock = lock
	err = unix.Bind(lock, &unix.SockaddrUnix{Name: "@cloudgate-fakecloud/" + k.name})
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("interface %s is in use by another fake cloud: stop it, or choose another interface", k.name)
	}
	if err != nil {
		return fmt.Errorf("lock of interface %s: %w", k.name, err)
	}
	return nil
}

func (k *linux) close() error {
	k.nl.Close()
	if k.lock < 0 {
		return nil
	}
	return unix.Close(k.lock)
}

func (k *linux) interfaces() string {
	links, err := k.nl.LinkList()
	if err != nil {
		return "none that can be read"
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return strings.Join(names, ", ")
}

// defaultInterface is that of the default route with the lowest metric.
func (k *linux) defaultInterface() (string, error) {
	routes, err := k.nl.RouteList(nil, netlink.FAMILY_V4)
	if failed(err) {
		return "", fmt.Errorf("routes: %w", err)
	}
	var best *netlink.Route
	for i, r := range routes {
		isDefault := r.Dst == nil || r.Dst.IP.IsUnspecified() && onesOf(r.Dst.Mask) == 0
		if isDefault && r.LinkIndex > 0 && (best == nil || r.Priority < best.Priority) {
			best = &routes[i]
		}
	}
	if best == nil {
		return "", fmt.Errorf("there is no default route to tell the interface by: name one of %s", k.interfaces())
	}
	link, err := k.nl.LinkByIndex(best.LinkIndex)
	if err != nil {
		return "", fmt.Errorf("interface of the default route: %w", err)
	}
	return link.Attrs().Name, nil
}

// failed says whether a list could not be read. One that changed meanwhile is good enough: it is read again soon.
func failed(err error) bool { return err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) }

func onesOf(mask net.IPMask) int {
	ones, _ := mask.Size()
	return ones
}

func (k *linux) state() (state, error) {
	s := state{ours: map[netip.Addr]string{}, others: map[netip.Addr]string{}}
	link, err := k.nl.LinkByName(k.name)
	if err != nil {
		return s, fmt.Errorf("interface %s: %w", k.name, err)
	}
	attrs := link.Attrs()
	k.index = attrs.Index
	s.hardware = attrs.HardwareAddr.String()
	s.up = attrs.Flags&net.FlagUp != 0 && attrs.OperState != netlink.OperDown && attrs.OperState != netlink.OperLowerLayerDown
	addrs, err := k.nl.AddrList(nil, netlink.FAMILY_V4)
	if failed(err) {
		return s, fmt.Errorf("addresses of this machine: %w", err)
	}
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP.To4())
		if !ok {
			continue
		}
		bits := onesOf(a.Mask)
		for _, end := range ends(netip.PrefixFrom(ip, bits)) {
			if s.others[end] == "" {
				s.others[end] = aNetwork
			}
		}
		switch {
		case a.LinkIndex == k.index && a.Label == k.label && bits == 32:
			s.ours[ip] = a.Label
		case a.LinkIndex == k.index && a.Scope == int(netlink.SCOPE_UNIVERSE) && bits < 31 && !s.network.IsValid():
			s.network = netip.PrefixFrom(ip, bits)
			s.others[ip] = thisMachine
		default:
			s.others[ip] = thisMachine
		}
	}
	routes, err := k.nl.RouteList(nil, netlink.FAMILY_V4)
	if failed(err) {
		return s, fmt.Errorf("routes: %w", err)
	}
	for _, r := range routes {
		if gw, ok := netip.AddrFromSlice(r.Gw.To4()); ok {
			s.others[gw] = aGateway
		}
	}
	return s, nil
}

func (k *linux) neighbours() (map[netip.Addr]entry, error) {
	list, err := k.nl.NeighList(k.index, netlink.FAMILY_V4)
	if failed(err) {
		return nil, fmt.Errorf("neighbours of %s: %w", k.name, err)
	}
	table := make(map[netip.Addr]entry, len(list))
	for _, n := range list {
		if ip, ok := netip.AddrFromSlice(n.IP.To4()); ok {
			table[ip] = entryOf(&n)
		}
	}
	return table, nil
}

func entryOf(n *netlink.Neigh) entry {
	switch {
	case n.State&netlink.NUD_NOARP != 0:
		return entry{state: noARP}
	case n.State&(netlink.NUD_REACHABLE|netlink.NUD_STALE|netlink.NUD_DELAY|netlink.NUD_PROBE|netlink.NUD_PERMANENT) != 0:
		return entry{state: somebody, hardware: n.HardwareAddr.String()}
	case n.State&netlink.NUD_INCOMPLETE != 0:
		return entry{state: asking}
	case n.State&netlink.NUD_FAILED != 0:
		return entry{state: nobody}
	default:
		return entry{state: unknown}
	}
}

func (k *linux) link() netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: k.index, Name: k.name}}
}

// addr is ip as we put it on the interface: after the addresses that are there, so that this machine goes on to speak as itself.
func (k *linux) addr(ip netip.Addr) *netlink.Addr {
	return &netlink.Addr{
		IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(32, 32)}, Label: k.label, ValidLft: expiry, PreferedLft: expiry,
	}
}

func (k *linux) add(ip netip.Addr) error {
	if err := k.nl.AddrReplace(k.link(), k.addr(ip)); err != nil {
		return fmt.Errorf("address %s cannot be put on interface %s: %w", ip, k.name, err)
	}
	return nil
}

func (k *linux) remove(ip netip.Addr) error {
	err := k.nl.AddrDel(k.link(), k.addr(ip))
	if err != nil && !gone(err) {
		return fmt.Errorf("address %s cannot be taken from interface %s: %w", ip, k.name, err)
	}
	return nil
}

// gone says that what was to be removed is not there, or where it was is not.
func gone(err error) bool {
	return slices.ContainsFunc([]error{unix.EADDRNOTAVAIL, unix.ENODEV, unix.ENOENT}, func(target error) bool { return errors.Is(err, target) })
}

func (k *linux) solicit(ip netip.Addr) error {
	err := k.nl.NeighSet(&netlink.Neigh{
		LinkIndex: k.index, Family: netlink.FAMILY_V4, State: netlink.NUD_NONE, Flags: netlink.NTF_USE, IP: ip.AsSlice(),
	})
	if err != nil {
		return fmt.Errorf("neighbour %s of interface %s: %w", ip, k.name, err)
	}
	return nil
}

func (k *linux) forget(ip netip.Addr) error {
	err := k.nl.NeighDel(&netlink.Neigh{LinkIndex: k.index, Family: netlink.FAMILY_V4, IP: ip.AsSlice()})
	if err != nil && !gone(err) {
		return fmt.Errorf("neighbour %s of interface %s: %w", ip, k.name, err)
	}
	return nil
}
