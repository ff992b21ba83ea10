package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// The guard sees the same frames however the bytes are cut, and passes every byte on.
func TestGuardFollowsFrames(t *testing.T) {
	const each = 50
	var in bytes.Buffer
	in.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&in, nil)
	for range each {
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		_ = f.WriteData(1, false, bytes.Repeat([]byte{0, 0, 0, frameReset}, 50)) // Looks like frames, and is none.
		_ = f.WriteData(1, true, nil)
		_ = f.WriteRSTStream(1, http2.ErrCodeCancel)
	}
	for _, step := range []int{1, 2, 7, 9, 10, 1000, 1 << 20} {
		for _, early := range []int{0, 1, 24, 30} {
			for _, test := range []struct {
				resets, useless int
				want            error
			}{{each, each, nil}, {1, each, errFlood}, {each, 1, errFlood}, {-1, -1, nil}} {
				g := newGuard(&steps{Reader: bytes.NewReader(in.Bytes()[early:]), n: step}, in.Bytes()[:early], test.resets, nil)
				g.useless = newBucket(test.useless)
				got, err := io.ReadAll(g)
				if !errors.Is(err, test.want) {
					t.Errorf("steps of %d, %d resets and %d useless frames allowed: want %v, got %v", step, test.resets, test.useless, test.want, err)
				}
				if test.want == nil && !bytes.Equal(got, in.Bytes()) || !bytes.HasPrefix(in.Bytes(), got) {
					t.Errorf("steps of %d: the bytes changed", step)
				}
			}
		}
	}
}

// steps is a connection that gives at most n bytes at a time.
type steps struct {
	net.Conn
	*bytes.Reader
	n int
}

func (s *steps) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), s.n)]) }

// A client may ping as often as it gets something: gRPC's do in each round trip. Answers to its pings are not something.
func TestGuardAllowsPingsByWhatIsSent(t *testing.T) {
	const allowed, pings = 20, 2000
	var in, data, head, ack bytes.Buffer
	f := http2.NewFramer(&in, nil)
	for range pings {
		_ = f.WritePing(false, [8]byte{})
	}
	_ = http2.NewFramer(&data, nil).WriteData(1, false, bytes.Repeat([]byte{0, 0, 0, frameHeaders}, 50))
	_ = http2.NewFramer(&head, nil).WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}, EndHeaders: true})
	_ = http2.NewFramer(&ack, nil).WritePing(true, [8]byte{frameHeaders, frameHeaders})
	for _, test := range []struct {
		reason string
		sent   []byte
		want   error
	}{
		{"data", data.Bytes(), nil},
		{"heads", head.Bytes(), nil},
		{"answers to pings", ack.Bytes(), errFlood},
	} {
		for _, cut := range []int{1, 5, 9} {
			g := newGuard(&sink{Reader: bytes.NewReader(in.Bytes())}, []byte(http2.ClientPreface), -1, nil)
			g.useless = newBucket(allowed)
			var err error
			ping := make([]byte, in.Len()/pings)
			if _, err = io.ReadFull(g, make([]byte, len(http2.ClientPreface))); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				if _, err = io.ReadFull(g, ping); err == nil {
					_, _ = g.Write(test.sent[:cut])
					_, _ = g.Write(test.sent[cut:])
				}
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%s sent: want %v, got %v", test.reason, test.want, err)
			}
		}
	}
}

// sink is a connection that takes everything.
type sink struct {
	net.Conn
	*bytes.Reader
}

func (s *sink) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
