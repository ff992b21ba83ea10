package lan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// At most and at least how many addresses are taken of a network.
const (
	shareMax = 1024
	shareMin = 8
)

// Share returns the part of a network that load balancers may have when nobody says which: its end, where neither DHCP servers nor
// Docker begin to give out addresses. It is a sixteenth, at least 8 and at most 1024 addresses, of small networks the upper half,
// without the broadcast address.
func Share(network netip.Prefix) (first, last netip.Addr, err error) {
	if !network.Addr().Is4() || network.Bits() > 30 {
		return first, last, fmt.Errorf("network %s has no room for load balancers: say which addresses they may have with --address-pool", network)
	}
	size := uint32(1) << min(32-network.Bits(), 31)
	share := min(max(size/16, shareMin), shareMax, size/2)
	base := network.Masked().Addr().As4()
	end := binary.BigEndian.Uint32(base[:]) + uint32(uint64(1)<<(32-network.Bits())-1) // the broadcast address
	return address4(end - share + 1), address4(end - 1), nil
}

// Suits says whether load balancers may have the addresses from first to last on an interface. The error is a sentence's end: what the
// addresses are that they should not be.
func Suits(first, last netip.Addr) error {
	if !first.Is4() || !last.Is4() {
		return errors.New("on an interface load balancers have IPv4 addresses alone")
	}
	for _, no := range unsuited {
		end := binary.BigEndian.Uint32(no.Addr().AsSlice()) | ^uint32(0)>>no.Bits()
		if !last.Less(no.Addr()) && !address4(end).Less(first) {
			return fmt.Errorf("addresses of %s are not those of hosts on a network", no)
		}
	}
	return nil
}

// unsuited are this host, loopback, and multicast with all that is kept for later.
var unsuited = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("224.0.0.0/3")}

// ends are the addresses of a network that no host can have: its own, and that of its broadcasts. The smallest networks have none.
func ends(network netip.Prefix) []netip.Addr {
	if !network.Addr().Is4() || network.Bits() > 30 || network.Bits() < 1 {
		return nil
	}
	own := network.Masked().Addr()
	return []netip.Addr{own, address4(binary.BigEndian.Uint32(own.AsSlice()) | ^uint32(0)>>network.Bits())}
}

func address4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
