package echo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const deadline = 10 * time.Second

func TestHTTPSaysWhatArrived(t *testing.T) {
	backend, err := ListenHTTP("web-1", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	for _, h2 := range []bool{false, true} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!h2)
		protocols.SetUnencryptedHTTP2(h2)
		client := &http.Client{Timeout: deadline, Transport: &http.Transport{Protocols: protocols}}
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/a%%20b?status=418", backend.Addr()), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host, request.Header = "shop.example.com", http.Header{"X-One": {"1"}}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var got Answer
		err = json.NewDecoder(response.Body).Decode(&got)
		response.Body.Close()
		client.CloseIdleConnections()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusTeapot {
			t.Errorf("status = %d, want 418", response.StatusCode)
		}
		wantProto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2]
		if got.Backend != "web-1" || got.Path != "/a%20b" || got.Host != "shop.example.com" || got.Proto != wantProto || got.Headers.Get("X-One") != "1" {
			t.Errorf("answer = %+v", got)
		}
	}
	if got := backend.Requests(); got != 2 {
		t.Errorf("requests = %d, want 2", got)
	}
}

func TestTCP(t *testing.T) {
	backend, err := ListenTCP("lines", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	conn, err := net.Dial("tcp", backend.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	fmt.Fprintln(conn, "hello")
	got, err := bufio.NewReader(conn).ReadString('\n')
	if want := "lines: hello\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestDNS(t *testing.T) {
	want := netip.MustParseAddr("192.0.2.7")
	backend, err := ListenDNS("dns", "127.0.0.1:0", want)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	conn, err := net.Dial("udp", backend.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 9},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 512)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	var reply dnsmessage.Message
	if err := reply.Unpack(buffer[:n]); err != nil {
		t.Fatal(err)
	}
	if len(reply.Answers) != 1 || reply.ID != 9 {
		t.Fatalf("reply = %v", reply)
	}
	if got := netip.AddrFrom4(reply.Answers[0].Body.(*dnsmessage.AResource).A); got != want {
		t.Errorf("address = %s, want %s", got, want)
	}
}
