package h1

import "bytes"

// Chunked decodes a chunked body. The zero value is ready but for its limits.
type Chunked struct {
	MaxExtensions int // bytes of chunk extensions in the whole body
	MaxTrailers   int // bytes of the trailer section
	MaxFields     int

	state      chunkState
	left       uint64 // of the chunk
	extensions int
	Trailers   []Field // after done; parts of what Next was given, so they live as long as that
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd
	chunkTrailers
	chunkDone
)

// Reset makes c ready for another body.
func (c *Chunked) Reset() {
	*c = Chunked{MaxExtensions: c.MaxExtensions, MaxTrailers: c.MaxTrailers, MaxFields: c.MaxFields, Trailers: c.Trailers[:0]}
}

// Done reports whether the body has ended, with its trailers.
func (c *Chunked) Done() bool { return c.state == chunkDone }

// Next decodes from b, the bytes that have arrived and were not consumed yet. It returns the next part of the body, which is in b, and how many bytes of b it
// consumed with that. data is empty when Done, and when more bytes have to arrive. b has to have room for MaxExtensions or MaxTrailers, whichever is more,
// and 18 bytes: then more can always arrive.
func (c *Chunked) Next(b []byte) (data []byte, consumed int, err error) {
	for {
		rest := b[consumed:]
		switch c.state {
		case chunkSize:
			n, err := c.size(rest)
			if err != nil || n == 0 {
				return nil, consumed, err
			}
			consumed += n
		case chunkData:
			if len(rest) == 0 {
				return nil, consumed, nil
			}
			n := len(rest)
			if uint64(n) > c.left {
				n = int(c.left)
			}
			if c.left -= uint64(n); c.left == 0 {
				c.state = chunkEnd
			}
			return rest[:n], consumed + n, nil
		case chunkEnd:
			if len(rest) > 0 && rest[0] != '\r' || len(rest) > 1 && rest[1] != '\n' {
				return nil, consumed, ErrChunk
			}
			if len(rest) < 2 {
				return nil, consumed, nil
			}
			consumed += 2
			c.state = chunkSize
		case chunkTrailers:
			n, err := c.trailers(rest)
			return nil, consumed + n, err
		case chunkDone:
			return nil, consumed, nil
		}
	}
}

// Ready returns how many bytes of the body Next would return from b. It is 1 where Next would find the end or an error, and so not have to wait for more bytes
// either.
func (c *Chunked) Ready(b []byte) int {
	try := *c
	data, _, err := try.Next(b)
	if len(data) == 0 && (err != nil || try.Done()) {
		return 1
	}
	return len(data)
}

// size decodes a chunk's line and returns its length, 0 when it is not whole.
func (c *Chunked) size(b []byte) (int, error) {
	var n uint64
	digits := 0
	for digits < len(b) && isHex(b[digits]) {
		n = n<<4 | uint64(unhex(b[digits]))
		if digits++; digits > 15 {
			return 0, ErrChunk
		}
	}
	if digits == len(b) {
		return 0, nil
	}
	end := digits
	if b[digits] == ';' {
		for end < len(b) && valueByte[b[end]] {
			end++
		}
		if c.extensions+end-digits > c.MaxExtensions {
			return 0, ErrChunk
		}
	}
	if digits == 0 || end < len(b) && b[end] != '\r' || end+1 < len(b) && b[end+1] != '\n' {
		return 0, ErrChunk
	}
	if end+1 >= len(b) {
		return 0, nil
	}
	c.extensions += end - digits
	c.left = n
	c.state = chunkData
	if n == 0 {
		c.state = chunkTrailers
	}
	return end + 2, nil
}

// trailers decodes the trailer section, and returns its length, 0 when it is not whole.
func (c *Chunked) trailers(b []byte) (int, error) {
	if len(b) < 2 {
		if len(b) == 1 && b[0] != '\r' && !tokenByte[b[0]] {
			return 0, ErrChunk
		}
		return 0, nil
	}
	end := 2
	if b[0] != '\r' || b[1] != '\n' {
		if end = bytes.Index(b, []byte("\r\n\r\n")) + 4; end == 3 {
			if len(b) > c.MaxTrailers {
				return 0, ErrTrailersLarge
			}
			return 0, nil
		}
	}
	if end > c.MaxTrailers+2 {
		return 0, ErrTrailersLarge
	}
	fields, err := parseFields(c.Trailers, view(b[:end]), Limits{MaxLine: c.MaxTrailers, MaxFields: c.MaxFields})
	if err != nil {
		return 0, err
	}
	for i := range fields {
		// What frames or routes a message has no business after it (RFC 9110, 6.5.1).
		fields[i].Gone = fields[i].ID != Other
	}
	c.Trailers = fields
	c.state = chunkDone
	return end, nil
}
