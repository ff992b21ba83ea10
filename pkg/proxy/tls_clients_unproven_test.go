package proxy

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// A connection from before a listener asked for certificates, or while it let everybody in, is no way around it.
func TestConnectionsFromBeforeAreNoWayAroundValidation(t *testing.T) {
	ca := newAuthority(t)
	for _, tc := range []struct {
		name   string
		before *ClientValidation
		cert   *tls.Certificate
		want   int
	}{
		{"nobody was asked", nil, nil, 421},
		{"whoever was not valid was let in", &ClientValidation{CAs: ca.pem(), InsecureFallback: true}, nil, 421},
		{"whoever was valid was so already", &ClientValidation{CAs: ca.pem(), InsecureFallback: true}, ca.client(t, nil), 200},
	} {
		for _, protocol := range []int{1, 2} {
			e := newEngine(t, Options{})
			c, _ := mutual(t, ca, tc.before)
			address := apply(t, e, c)
			client := client1(t, ca, "a.example")
			if protocol == 2 {
				client = client2(t, ca, "a.example")
			}
			tr, _ := client.Transport.(*http.Transport)
			tr.TLSClientConfig = showing(ca, tls.VersionTLS13, tc.cert)
			ask := func() *http.Request {
				r := request(t, "GET", "https://"+address+"/", "")
				r.Host = "a.example"
				return r
			}
			if got := do(t, client, ask()); got.Status != 200 || got.Proto != protocol {
				t.Fatalf("%s, HTTP/%d: got %+v", tc.name, protocol, got)
			}
			change(t, e, c, &ClientValidation{CAs: ca.pem()})
			if got := do(t, client, ask()); got.Status != tc.want || e.Stats().Opened != 1 {
				t.Errorf("%s, HTTP/%d: want %d on the same connection, got %+v after %d connections", tc.name, protocol, tc.want, got, e.Stats().Opened)
			}
			resp, err := client.Do(ask())
			if err == nil {
				_ = resp.Body.Close()
			}
			if refused := err != nil; refused != (tc.want != 200) {
				t.Errorf("%s, HTTP/%d: the connection goes on: %t, want %t", tc.name, protocol, !refused, tc.want == 200)
			}
		}
	}
}
