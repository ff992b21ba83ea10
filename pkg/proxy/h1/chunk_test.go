package h1

import (
	"errors"
	"strings"
	"testing"
)

// decode gives raw to a decoder in pieces of at most step bytes, and returns the body, the trailers and what was not consumed.
func decode(raw string, step int) (body string, trailers []Field, rest string, err error) {
	c := Chunked{MaxExtensions: 64, MaxTrailers: 64, MaxFields: 4}
	b, arrived := []byte(raw), 0
	from := 0
	for {
		data, n, err := c.Next(b[from:arrived])
		from += n
		body += string(data)
		switch {
		case err != nil:
			return body, nil, "", err
		case c.Done():
			return body, c.Trailers, raw[from:], nil
		case len(data) > 0:
		case arrived == len(b):
			return body, nil, "", ErrCutOff
		default:
			arrived = min(arrived+step, len(b))
		}
	}
}

func TestChunked(t *testing.T) {
	for _, c := range []struct {
		raw, body, rest string
		want            error
		reason          string
	}{
		{"0\r\n\r\nGET", "", "GET", nil, "empty"},
		{"5\r\nhello\r\n0\r\n\r\n", "hello", "", nil, "one"},
		{"5\r\nhello\r\n0A\r\n, world!!!\r\n00\r\n\r\nx", "hello, world!!!", "x", nil, "two"},
		{"1;a=b;c=\"d\"\r\nx\r\n0;e\r\nT: v\r\n\r\n", "x", "", nil, "extensions and trailers"},
		{"1\r\nx\r\n0\r\n", "x", "", ErrCutOff, "no end"},
		{"5\r\nhel", "hel", "", ErrCutOff, "cut"},
		{"\r\nx", "", "", ErrChunk, "no size"},
		{"g\r\n", "", "", ErrChunk, "not hexadecimal"},
		{"-1\r\n", "", "", ErrChunk, "a sign"},
		{"0x1\r\nx\r\n", "", "", ErrChunk, "a prefix"},
		{" 1\r\nx\r\n", "", "", ErrChunk, "a space before"},
		{"1 \r\nx\r\n", "", "", ErrChunk, "a space after"},
		{"1\nx\r\n", "", "", ErrChunk, "bare LF after the size"},
		{"1\rx\r\n", "", "", ErrChunk, "bare CR after the size"},
		{"1\r\nx\n0\r\n\r\n", "x", "", ErrChunk, "bare LF after the data"},
		{"1\r\nxy\r\n0\r\n\r\n", "x", "", ErrChunk, "more data than said"},
		{"1;a\nb\r\nx\r\n", "", "", ErrChunk, "bare LF in an extension"},
		{"1000000000000000\r\n", "", "", ErrChunk, "too many digits"},
		{"1;" + strings.Repeat("a", 70) + "\r\nx\r\n", "", "", ErrChunk, "extension too long"},
		{"1;" + strings.Repeat("a", 40) + "\r\nx\r\n1;" + strings.Repeat("a", 40) + "\r\nx\r\n", "x", "", ErrChunk, "extensions too long together"},
		{"0\r\nT: " + strings.Repeat("a", 70) + "\r\n\r\n", "", "", ErrTrailersLarge, "trailers too long"},
		{"0\r\nT : a\r\n\r\n", "", "", ErrField, "malformed trailer"},
		{"0\r\n T: a\r\n\r\n", "", "", ErrFold, "folded trailer"},
	} {
		for _, step := range []int{1, 2, 3, 1000} {
			body, _, rest, err := decode(c.raw, step)
			// In small steps a folded trailer may be seen as malformed first.
			same := errors.Is(err, c.want) || errors.Is(c.want, ErrFold) && errors.Is(err, ErrChunk)
			if body != c.body || rest != c.rest || !same {
				t.Errorf("%s, step %d: want %q, %q, %v; got %q, %q, %v", c.reason, step, c.body, c.rest, c.want, body, rest, err)
			}
		}
	}
}

func TestTrailersThatFrame(t *testing.T) {
	_, trailers, _, err := decode("0\r\nX: 1\r\nContent-Length: 5\r\nHost: b\r\n\r\n", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if want, got := "0\r\nX: 1\r\n\r\n", string(AppendChunkEnd(nil, trailers)); want != got {
		t.Errorf("want %q, got %q", want, got)
	}
}
