package proxy

import (
	"encoding/binary"
	"net/netip"
)

// proxySignature is how a header of the PROXY protocol, version 2, begins.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	proxyClient = 0x21
	proxyTCP4   = 0x11
	proxyTCP6   = 0x21
)

// proxyHeader says who the client is and what it reached.
func proxyHeader(f *flow) []byte {
	b := append(make([]byte, 0, 16+36), proxySignature...)
	from, to := f.remote.Addr().Unmap().WithZone(""), f.local.Addr().Unmap().WithZone("")
	if from.Is4() && to.Is4() {
		b = append(b, proxyClient, proxyTCP4, 0, 12)
	} else {
		from, to = netip.AddrFrom16(from.As16()), netip.AddrFrom16(to.As16())
		b = append(b, proxyClient, proxyTCP6, 0, 36)
	}
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, f.remote.Port())
	return binary.BigEndian.AppendUint16(b, f.local.Port())
}
