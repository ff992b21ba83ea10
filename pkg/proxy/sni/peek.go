package sni

import (
	"fmt"
	"io"
)

const (
	recordHeader    = 5
	recordHandshake = 22
	maxRecord       = 1 << 14

	// A browser's hello with a post-quantum key share is about 1.8 KiB.
	firstBuffer = 2 << 10
)

// Peek reads from r until it holds one whole ClientHello, in however many records and reads it comes, and returns it with all bytes
// read so far: the records of the hello and whatever came with them. It blocks as r does, reads no byte after it knows enough, and
// reads at most limit bytes. The bytes are returned also with an error, so that the caller can still pass them on.
//
// Errors: ErrNotTLS, ErrMalformed, ErrTooLarge, or what r returns; io.EOF in the middle is io.ErrUnexpectedEOF.
func Peek(r io.Reader, limit int) (Hello, []byte, error) {
	var p peeker
	p.raw = make([]byte, 0, min(firstBuffer, limit))
	for {
		if len(p.raw) == cap(p.raw) {
			if len(p.raw) >= limit {
				return Hello{}, p.raw, ErrTooLarge
			}
			p.grow(limit)
		}
		n, err := r.Read(p.raw[len(p.raw):cap(p.raw)])
		p.raw = p.raw[:len(p.raw)+n]
		done, parseErr := p.advance(limit)
		switch {
		case parseErr != nil:
			return Hello{}, p.raw, parseErr
		case done:
			hello, helloErr := ParseMessage(p.message)
			return hello, p.raw, helloErr
		case err == io.EOF && len(p.raw) > 0:
			return Hello{}, p.raw, io.ErrUnexpectedEOF
		case err != nil:
			return Hello{}, p.raw, err
		}
	}
}

// peeker is how far a hello has been understood. Each byte is looked at once, or a client that sends its hello byte by byte would
// cost the square of its length.
type peeker struct {
	raw     []byte // all that was read
	next    int    // in raw, where the next record begins
	message []byte // what the records up to next carry of the handshake message
}

func (p *peeker) grow(limit int) {
	larger := make([]byte, len(p.raw), min(2*cap(p.raw), limit))
	copy(larger, p.raw)
	p.raw = larger
}

// advance takes the whole records that have arrived and says whether the message is complete.
func (p *peeker) advance(limit int) (bool, error) {
	for {
		head := p.raw[p.next:]
		length, err := checkRecord(head)
		if err != nil {
			// Only the first record tells another protocol from a broken client.
			if p.next > 0 {
				err = malformed("a record that is no handshake interrupts the ClientHello")
			}
			return false, err
		}
		if len(head) < recordHeader {
			return false, nil
		}
		if p.next+recordHeader+length > limit {
			return false, ErrTooLarge
		}
		if len(head) < recordHeader+length {
			return false, nil
		}
		p.message = append(p.message, head[recordHeader:recordHeader+length]...)
		p.next += recordHeader + length
		if done, err := p.complete(limit); done || err != nil {
			return done, err
		}
	}
}

// complete checks what there is of the message against its header. A ClientHello ends its record: keys change after it.
func (p *peeker) complete(limit int) (bool, error) {
	if p.message[0] != typeClientHello {
		return false, malformed("the handshake does not begin with a ClientHello")
	}
	if len(p.message) < handshakeHeader {
		return false, nil
	}
	want := handshakeHeader + int(p.message[1])<<16 + int(p.message[2])<<8 + int(p.message[3])
	switch {
	case want > limit:
		return false, ErrTooLarge
	case len(p.message) > want:
		return false, malformed("the record goes on after the ClientHello")
	}
	return len(p.message) == want, nil
}

// checkRecord judges as much of a record's header as there is, so that what is no TLS is refused at its first byte and not when
// the client gets tired of waiting. The length is valid when the header is whole.
func checkRecord(head []byte) (int, error) {
	if len(head) > 0 && head[0] != recordHandshake {
		return 0, fmt.Errorf("%w: the first byte is %#02x", ErrNotTLS, head[0])
	}
	if len(head) > 1 && head[1] != 3 {
		return 0, fmt.Errorf("%w: major version %d", ErrNotTLS, head[1])
	}
	if len(head) < recordHeader {
		return 0, nil
	}
	length := int(head[3])<<8 | int(head[4])
	if length == 0 || length > maxRecord {
		return 0, malformed("bad record length")
	}
	return length, nil
}
