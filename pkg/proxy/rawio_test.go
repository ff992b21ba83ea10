package proxy

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// rawPair returns both ends of a connection, one of them raw.
func rawPair(t *testing.T) (*rawConn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	theSweeper.acquire()
	raw, err := newRawConn(near.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		raw.Close()
		far.Close()
		theSweeper.release()
	})
	far.SetDeadline(time.Now().Add(20 * time.Second))
	raw.readWithin(20 * time.Second)
	return raw, far.(*net.TCPConn)
}

// TestAskAndAnswer asks many times, with answers that come at once, late, and in pieces.
func TestAskAndAnswer(t *testing.T) {
	raw, far := rawPair(t)
	go func() {
		b := make([]byte, 100)
		for i := 0; ; i++ {
			n, err := far.Read(b)
			if err != nil {
				return
			}
			if i%10 == 9 {
				time.Sleep(time.Millisecond) // The other side is already waiting then, mostly.
			}
			_, _ = far.Write(b[:1])
			_, _ = far.Write(b[1:n])
		}
	}()
	in := make([]byte, 100)
	for i := range 2000 {
		want := bytes.Repeat([]byte{byte(i)}, 1+i%90)
		written, n := raw.ask(want, in)
		if written != len(want) {
			t.Fatalf("want %d bytes written, got %d", len(want), written)
		}
		if _, err := io.ReadFull(raw, in[n:len(want)]); err != nil {
			t.Fatal(err)
		}
		if got := in[:len(want)]; n == 0 || !bytes.Equal(want, got) {
			t.Fatalf("want %v, got %v, of which %d at once", want, got, n)
		}
	}
}

func TestAskOfOneWhoHasGone(t *testing.T) {
	raw, far := rawPair(t)
	far.Close()
	// The first bytes may be taken, and are answered with a reset. What matters is that ask ends, and that reading says why.
	if _, n := raw.ask([]byte("hello"), make([]byte, 10)); n != 0 {
		t.Errorf("want nothing read, got %d bytes", n)
	}
	if n, err := raw.Read(make([]byte, 10)); err == nil {
		t.Errorf("want an error, got %d bytes", n)
	}
}

// TestAskMoreThanFits asks with more than the socket takes at once: Write sends the rest.
func TestAskMoreThanFits(t *testing.T) {
	raw, far := rawPair(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	written, n := raw.ask(want, make([]byte, 10))
	if written == len(want) || n != 0 {
		t.Skipf("the socket took all %d bytes", written)
	}
	go func() {
		if _, err := raw.Write(want[written:]); err != nil {
			t.Error(err)
		}
		_ = raw.CloseWrite()
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("want %d bytes as they were sent, got %d and %v", len(want), len(got), err)
	}
}

func TestAskIsInterrupted(t *testing.T) {
	raw, far := rawPair(t)
	go func() {
		_, _ = io.ReadFull(far, make([]byte, 5))
		raw.interrupt()
	}()
	if _, n := raw.ask([]byte("hello"), make([]byte, 10)); n != 0 {
		t.Errorf("want nothing read, got %d bytes", n)
	}
}
