package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMaxForwarded(t *testing.T) {
	e := newEngine(t, Options{})
	address := apply(t, e, policySite(t, &HTTPPolicy{MaxForwarded: 3, Forwarded: ForwardedAppend, Pages: map[int]*Page{463: {Body: "too many"}}}, echoHead(t)))
	for fields, want := range map[string]string{
		"": "HTTP/1.1 200 OK",
		"X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 3.3.3.3\r\n":          "HTTP/1.1 200 OK",
		"X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 3.3.3.3, 4.4.4.4\r\n": "HTTP/1.1 463 ",
	} {
		got := send(t, address, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+fields+"\r\n")
		if statusLine(got) != want {
			t.Errorf("%q: want %q, got %q", fields, want, statusLine(got))
		}
		if _, body, _ := strings.Cut(got, "\r\n\r\n"); strings.Contains(want, "463") && body != "too many" {
			t.Errorf("%q: want its page, got %q", fields, body)
		}
	}
}

func TestIncompatible(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	back := s.Listener.Addr().String()
	two, grpc := poolSpeaking(PoolHTTP2, back), poolSpeaking(PoolHTTP2, back)
	grpc.GRPC = true
	pools := map[string]*Pool{"one": poolOf(back), "two": two, "grpc": grpc}
	actions := map[string]Action{"/one": to("one"), "/two": to("two"), "/grpc": to("grpc")}
	for _, status := range []int{0, 464} {
		e := newEngine(t, Options{})
		c := site(t, actions, pools)
		c.Listeners["http"].HTTP = &HTTPPolicy{Incompatible: status}
		address := apply(t, e, c)
		for _, test := range []struct {
			http2            bool
			method, path, as string
			fits             bool
		}{
			{false, "GET", "/one", "", true},
			{true, "GET", "/one", "", true},
			{true, "POST", "/one", "application/grpc", false},
			{false, "GET", "/two", "", false},
			{true, "GET", "/two", "", true},
			{true, "POST", "/two", "application/grpc", true},
			{false, "POST", "/grpc", "application/grpc", false},
			{true, "GET", "/grpc", "", false},
			{true, "POST", "/grpc", "application/grpc", true},
		} {
			r := request(t, test.method, "http://"+address+test.path, "")
			if test.as != "" {
				r.Header.Set("Content-Type", test.as)
			}
			client := client1(t, nil, "")
			if test.http2 {
				client = client2(t, nil, "")
			}
			got := do(t, client, r)
			refused := got.Status != 200 || got.Header.Get("Grpc-Status") != "" // Of gRPC a refusal is told in its own way.
			if want := !test.fits && status != 0; refused != want {
				t.Errorf("status %d, %+v: want refused %v, got %d %v", status, test, want, got.Status, got.Header)
			}
		}
	}
}

func TestTLSFields(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header["X-Version"], "|")+" "+strings.Join(r.Header["X-Suite"], "|"))
	})
	server := Server{Rules: table(t, map[string]Action{"/": to("p")}), Certificates: []*Certificate{ca.issue(t, "a.example")}}
	policy := &HTTPPolicy{TLSVersion: "X-Version", TLSSuite: "X-Suite"}
	c := https(server)
	c.Pools = map[string]*Pool{"p": poolOf(back)}
	c.Listeners["http"].HTTP = policy
	address := apply(t, e, c)
	for version, want := range map[uint16]string{
		tls.VersionTLS12: "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384",
		tls.VersionTLS13: "TLSv1.3 TLS_",
	} {
		config := &tls.Config{ServerName: "a.example", RootCAs: ca.pool, MaxVersion: version, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}
		got, err := tell(t, address, config, "HTTP/1.1", "X-Version", "forged", "X-Suite", "forged")
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("want %q, got %q, %v", want, got, err)
		}
	}
	plain := policySite(t, policy, echoHead(t))
	if got := asks(t, apply(t, e, plain), "a", "X-Version: forged")["X-Version"]; got != nil {
		t.Errorf("without TLS: want nothing said, got %q", got)
	}
}

func TestRenamedClientFields(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	clients := &ClientValidation{CAs: ca.pem(), Fields: "X-Mtls", Rename: map[string]string{"X-Mtls-Subject": "X-Mtls-Who", "X-Mtls-Leaf": "X-Forwarded-Leaf"}}
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-Mtls-Subject", "X-Mtls-Who", "X-Mtls-Issuer"} {
			_, _ = io.WriteString(w, name+"="+strings.Join(r.Header[name], "|")+"; ")
		}
		if got := r.Header["X-Forwarded-Leaf"]; len(got) == 1 && strings.HasPrefix(got[0], "-----BEGIN") {
			_, _ = io.WriteString(w, "leaf")
		}
	})
	c, _ := mutual(t, ca, clients)
	c.Pools["p"] = poolOf(back)
	const want = "X-Mtls-Subject=; X-Mtls-Who=CN=client; X-Mtls-Issuer=CN=test; leaf"
	got, err := tell(t, apply(t, e, c), showing(ca, tls.VersionTLS13, ca.client(t, nil)), "HTTP/1.1", "X-Forwarded-Leaf", "forged", "X-Mtls-Who", "forged")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestClientLifetime(t *testing.T) {
	for lifetime, want := range map[time.Duration]bool{time.Nanosecond: true, time.Hour: false} {
		e := newEngine(t, Options{})
		c := policySite(t, nil, echoHead(t))
		c.Listeners["http"].Limits = &Limitations{ClientLifetime: lifetime}
		conn := dialRaw(t, apply(t, e, c))
		began, last := coarse(), false
		buf := make([]byte, 64<<10)
		eventually(t, "the coarse time goes on", func() bool {
			aged := coarse() > began+int64(time.Second)
			if _, err := io.WriteString(conn, "GET /found HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			last = header(string(buf[:n]))["Connection"] != nil
			return last || aged
		})
		if last != want {
			t.Errorf("%v: want the last request %v, got %v", lifetime, want, last)
		}
	}
}
