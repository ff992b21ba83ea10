package ports

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCandidates(t *testing.T) {
	at := netip.MustParseAddrPort
	tests := []struct {
		reason       string
		want, before string
		tried        []string
	}{
		{"a port that may be denied moves by the offset, then by one", "127.64.0.1:80", "", []string{"127.64.0.1:80", "127.64.0.1:8080", "127.64.0.1:8081"}},
		{"any other moves by one", "127.64.0.1:8080", "", []string{"127.64.0.1:8080", "127.64.0.1:8081"}},
		{"where it was comes first", "127.64.0.1:80", "127.64.0.1:8085", []string{"127.64.0.1:8085", "127.64.0.1:80", "127.64.0.1:8080"}},
		{"ports end", "127.64.0.1:65535", "", []string{"127.64.0.1:65535", "127.64.0.1:1024", "127.64.0.1:1025"}},
		{"the last privileged", "127.64.0.1:1023", "", []string{"127.64.0.1:1023", "127.64.0.1:9023"}},
	}
	for _, tt := range tests {
		var before netip.AddrPort
		if tt.before != "" {
			before = at(tt.before)
		}
		var got []string
		for i := range tt.tried {
			got = append(got, candidate(at(tt.want), before, 8000, i).String())
		}
		if diff := cmp.Diff(tt.tried, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func TestWhatFollowsAFailedBind(t *testing.T) {
	wrap := func(errno syscall.Errno) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", errno)}
	}
	tests := []struct {
		reason string
		shared bool
		want   string
		errs   []syscall.Errno // one after the other
		at     string          // in the end
		says   string          // when it gives up
	}{
		{"a denied port", false, "127.64.0.1:80", []syscall.Errno{syscall.EACCES}, "127.64.0.1:8080", ""},
		{"a denied port whose other is occupied", false, "127.64.0.1:80", []syscall.Errno{syscall.EACCES, syscall.EADDRINUSE}, "127.64.0.1:8081", ""},
		{"an occupied port", false, "127.64.0.1:8080", []syscall.Errno{syscall.EADDRINUSE}, "127.64.0.1:8080", "in use by another program"},
		{"an occupied port of a shared address", true, "127.0.0.1:8080", []syscall.Errno{syscall.EADDRINUSE}, "127.0.0.1:8081", ""},
		{"an address that is not there", false, "10.9.9.9:80", []syscall.Errno{syscall.EADDRNOTAVAIL}, "10.9.9.9:80", "does not have address 10.9.9.9"},
		{"no descriptors", false, "127.64.0.1:80", []syscall.Errno{syscall.EMFILE}, "127.64.0.1:80", "cannot be bound: too many open files"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			table := New(Config{Shared: tt.shared, Offset: 8000, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			b := &Bind{Want: netip.MustParseAddrPort(tt.want)}
			table.Claim(b)
			for i, errno := range tt.errs {
				again := table.Failed(b, wrap(errno))
				if last := i == len(tt.errs)-1; again != (!last || tt.says == "") {
					t.Errorf("after %v: again is %v", errno, again)
				}
			}
			if b.At.String() != tt.at || !strings.Contains(b.Failure, tt.says) || (b.Failure == "") != (tt.says == "") {
				t.Errorf("want %s and %q, got %s and %q", tt.at, tt.says, b.At, b.Failure)
			}
		})
	}
}

func TestClaimsKeepListenersApart(t *testing.T) {
	table := New(Config{Shared: true, Offset: 8000})
	var got []string
	var binds []*Bind
	for _, udp := range []bool{false, false, true} {
		b := &Bind{Want: netip.MustParseAddrPort("127.0.0.1:9000"), UDP: udp}
		table.Claim(b)
		got = append(got, b.At.String())
		binds = append(binds, b)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:9000", "127.0.0.1:9001", "127.0.0.1:9000"}, got); diff != "" {
		t.Errorf("two of TCP, one of UDP (-want +got):\n%s", diff)
	}
	for _, b := range binds {
		table.Release(b)
	}
	if n := table.Claims(); n != 0 {
		t.Errorf("%d claims are left", n)
	}
}
