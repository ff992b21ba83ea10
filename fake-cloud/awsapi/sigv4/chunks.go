package sigv4

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// What X-Amz-Content-Sha256 says in S3 in place of the body's hash.
const (
	Unsigned                 = "UNSIGNED-PAYLOAD"
	Streaming                = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingTrailer         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// ErrFraming is the error for a body that is not in the framing that it says it is in.
var ErrFraming = errors.New("the body is not in chunks")

// Chunks is a body in the framing aws-chunked: pieces that may each be signed, and headers that follow them.
type Chunks struct {
	Payload []byte
	Trailer http.Header

	pieces    []piece // the last one is empty
	signed    bool
	trailer   string // as it is signed
	signature string // of the trailer
}

type piece struct {
	data      []byte
	signature string
}

// ReadChunks takes the framing off a body. kind is one of Streaming, StreamingTrailer and StreamingUnsignedTrailer. The error wraps ErrFraming.
func ReadChunks(body []byte, kind string) (*Chunks, error) {
	c := &Chunks{Trailer: http.Header{}, signed: kind != StreamingUnsignedTrailer}
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok || len(line) > 256 {
			return nil, fmt.Errorf("%w: a chunk has no size", ErrFraming)
		}
		digits, extension, _ := strings.Cut(string(line), ";")
		size, err := strconv.ParseUint(digits, 16, 31)
		if err != nil || size > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: a chunk is not as long as it says", ErrFraming)
		}
		signature, _ := strings.CutPrefix(extension, "chunk-signature=")
		c.pieces = append(c.pieces, piece{rest[:size], signature})
		if size == 0 {
			return c, c.readTrailer(rest)
		}
		c.Payload = append(c.Payload, rest[:size]...)
		if body, ok = bytes.CutPrefix(rest[size:], []byte("\r\n")); !ok {
			return nil, fmt.Errorf("%w: a chunk does not end", ErrFraming)
		}
	}
}

func (c *Chunks) readTrailer(text []byte) error {
	for line := range strings.SplitSeq(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || len(c.Trailer) > 10 {
			return fmt.Errorf("%w: its trailer is none", ErrFraming)
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			c.signature = value
			continue
		}
		c.trailer += name + ":" + value + "\n"
		c.Trailer.Add(name, value)
	}
	return nil
}

// VerifyChunks says whether the chunks are signed with the secret, one after the other from the signature of the request on. The error wraps
// ErrMismatch.
func (s *Signature) VerifyChunks(c *Chunks, secret string) error {
	if !c.signed {
		return nil
	}
	none := sha256.Sum256(nil)
	last := s.signature
	for _, p := range c.pieces {
		hash := sha256.Sum256(p.data)
		if err := s.verifyLink("AWS4-HMAC-SHA256-PAYLOAD", secret, &last, p.signature, hex.EncodeToString(none[:]), hex.EncodeToString(hash[:])); err != nil {
			return err
		}
	}
	if len(c.Trailer) == 0 {
		return nil
	}
	hash := sha256.Sum256([]byte(c.trailer))
	return s.verifyLink("AWS4-HMAC-SHA256-TRAILER", secret, &last, c.signature, hex.EncodeToString(hash[:]))
}

// verifyLink verifies one signature of the chain, which then is the last.
func (s *Signature) verifyLink(algorithm, secret string, last *string, signature string, hashes ...string) error {
	text := strings.Join(append([]string{algorithm, s.Time.Format(timeLayout), s.scope(), *last}, hashes...), "\n")
	want, err := hex.DecodeString(signature)
	if err != nil || subtle.ConstantTimeCompare(want, s.hash(text, secret)) != 1 {
		return fmt.Errorf("%w: a chunk", ErrMismatch)
	}
	*last = signature
	return nil
}
