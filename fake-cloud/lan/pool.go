package lan

import (
	"encoding/binary"
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

func address4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
