package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

func TestIssue(t *testing.T) {
	dir := t.TempDir()
	authority, err := NewAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(Leaf{Name: "server", CommonName: "server", Organization: "group", Hosts: []string{"10.96.0.1", "server.test"}})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	for host, good := range map[string]bool{"10.96.0.1": true, "server.test": true, "10.96.0.2": false, "other.test": false} {
		_, err := loaded.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
		if (err == nil) != good {
			t.Errorf("%s: got %v, want valid %v", host, err, good)
		}
	}
	stranger, err := NewAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(stranger.PEM())
	if _, err := loaded.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "server.test"}); err == nil {
		t.Error("a certificate of another cluster's authority is valid")
	}
	info, err := os.Stat(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
		t.Errorf("mode of the key: got %v, want %v", got, want)
	}
}
