package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// TestRootCertificatesAreInTheProgram: on an empty image there are no certificates of the system, and a cloud's API is to be trusted all
// the same. A process of its own, since the system's certificates are read once.
func TestRootCertificatesAreInTheProgram(t *testing.T) {
	const inside = "CLOUDGATE_TEST_NO_SYSTEM_ROOTS"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		nothing := t.TempDir()
		cmd.Env = append(os.Environ(), inside+"=1", "SSL_CERT_DIR="+nothing, "SSL_CERT_FILE="+nothing+"/none")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if pool.Equal(x509.NewCertPool()) {
		t.Error("no root certificates")
	}
}
