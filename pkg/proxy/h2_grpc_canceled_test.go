package proxy

import (
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A server that gives a call up resets its stream. Its caller is told that the deadline has passed, if it has, and not that the server is
// unavailable, which would have the call repeated.
func TestGRPCServerGivesUp(t *testing.T) {
	head := func(f *http2.Framer, id uint32) {
		var b writer
		enc := hpack.NewEncoder(&b)
		_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = enc.WriteField(hpack.HeaderField{Name: "content-type", Value: "application/grpc"})
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b, EndHeaders: true})
	}
	for _, test := range []struct {
		reason, timeout string
		begun           bool
		code            http2.ErrCode
		want            string
	}{
		{"after the deadline", "1n", false, http2.ErrCodeCancel, "4"},
		{"before the deadline", "1H", false, http2.ErrCodeCancel, "1"},
		{"before a deadline beyond all", "99999999H", false, http2.ErrCodeCancel, "1"},
		{"without a deadline", "", false, http2.ErrCodeCancel, "1"},
		{"with a deadline that is none", "1x", false, http2.ErrCodeCancel, "1"},
		{"for another reason", "1n", false, http2.ErrCodeInternal, "14"},
		{"in the response, after the deadline", "1n", true, http2.ErrCodeCancel, "4"},
		{"in the response, before the deadline", "1H", true, http2.ErrCodeCancel, "1"},
		{"in the response, for another reason", "1n", true, http2.ErrCodeInternal, "INTERNAL_ERROR"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			back, _ := h2Script(t, func(f *http2.Framer, _ int64, id uint32) {
				if test.begun {
					head(f, id)
				}
				_ = f.WriteRSTStream(id, test.code)
			})
			e := newEngine(t, Options{})
			f := newFrames(t, apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolSpeaking(PoolHTTP2, back)})))
			fields := []string{":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/s.S/M", "content-type", "application/grpc", "te", "trailers"}
			if test.timeout != "" {
				fields = append(fields, "grpc-timeout", test.timeout)
			}
			if err := f.open(1, true, fields...); err != nil {
				t.Fatal(err)
			}
			if got := f.grpcStatus(1); got != test.want {
				t.Errorf("want %s, got %s", test.want, got)
			}
		})
	}
}

// grpcStatus reads until stream id has ended, and returns how.
func (f *frames) grpcStatus(id uint32) string {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			if frame.StreamID == id {
				return frame.ErrCode.String()
			}
		case *http2.MetaHeadersFrame:
			for _, field := range frame.RegularFields() {
				if frame.StreamID == id && field.Name == "grpc-status" {
					return field.Value
				}
			}
		}
	}
}
