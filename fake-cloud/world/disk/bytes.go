package disk

import "encoding/binary"

// number reads the checksum before a value.
func number(v []byte) uint64 { return binary.BigEndian.Uint64(v) }

// prefixed returns a value with its checksum before it.
func prefixed(sum uint64, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), sum), value...)
}
