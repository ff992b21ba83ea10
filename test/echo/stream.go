package echo

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxLine     = 64 << 10
	maxDatagram = 64 << 10
	idleTimeout = 2 * time.Minute
)

// TCP is a backend that answers each line with its name, a colon and the line.
type TCP struct {
	name     string
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	closed   bool
}

// ListenTCP starts a TCP backend.
func ListenTCP(name, address string) (*TCP, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	b := &TCP{name: name, listener: listener, conns: map[net.Conn]struct{}{}}
	go b.accept()
	return b, nil
}

func (b *TCP) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		if !b.track(conn) {
			conn.Close()
			return
		}
		go b.serve(conn)
	}
}

// track remembers a connection so that Close can cut it, and refuses it after Close.
func (b *TCP) track(conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.conns[conn] = struct{}{}
	}
	return !b.closed
}

func (b *TCP) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		b.mu.Lock()
		delete(b.conns, conn)
		b.mu.Unlock()
	}()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	for {
		conn.SetDeadline(time.Now().Add(idleTimeout))
		if !lines.Scan() {
			return
		}
		if _, err := fmt.Fprintf(conn, "%s: %s\n", b.name, lines.Bytes()); err != nil {
			return
		}
	}
}

// Addr is where the backend listens.
func (b *TCP) Addr() netip.AddrPort { return b.listener.Addr().(*net.TCPAddr).AddrPort() }

// Close stops listening and cuts every connection.
func (b *TCP) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for conn := range b.conns {
		conn.Close()
	}
	return b.listener.Close()
}

// UDP is a backend that answers datagrams.
type UDP struct {
	conn *net.UDPConn
}

// ListenUDP starts a backend that answers each datagram with its name, a colon and the datagram.
func ListenUDP(name, address string) (*UDP, error) {
	return listenUDP(address, func(request []byte) []byte {
		return append([]byte(name+": "), request...)
	})
}

// ListenDNS starts a DNS server that knows one A record for every name, and answers TXT with the name of the backend.
func ListenDNS(name, address string, a netip.Addr) (*UDP, error) {
	return listenUDP(address, func(request []byte) []byte {
		reply, err := answerDNS(request, name, a)
		if err != nil {
			return nil
		}
		return reply
	})
}

func listenUDP(address string, answer func([]byte) []byte) (*UDP, error) {
	resolved, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", resolved)
	if err != nil {
		return nil, err
	}
	go func() {
		buffer := make([]byte, maxDatagram)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			if reply := answer(buffer[:n]); reply != nil {
				_, _ = conn.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	return &UDP{conn: conn}, nil
}

// Addr is where the backend listens.
func (b *UDP) Addr() netip.AddrPort { return b.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Close stops the backend.
func (b *UDP) Close() error { return b.conn.Close() }

func answerDNS(request []byte, name string, a netip.Addr) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(request)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	builder := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired,
	})
	if err := errors.Join(builder.StartQuestions(), builder.Question(question), builder.StartAnswers()); err != nil {
		return nil, err
	}
	record := dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, TTL: 1}
	switch question.Type {
	case dnsmessage.TypeA:
		err = builder.AResource(record, dnsmessage.AResource{A: a.As4()})
	case dnsmessage.TypeTXT:
		err = builder.TXTResource(record, dnsmessage.TXTResource{TXT: []string{name}})
	default: // no such record: an empty answer
	}
	if err != nil {
		return nil, err
	}
	return builder.Finish()
}
