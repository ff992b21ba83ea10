package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

const patience = 10 * time.Second

// lockedBuffer is written by the pod and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePort returns a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not come: " + what)
		}
	}
}

func status(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// TestPodEndsInOrder: told to end, a pod is not ready at once, goes on answering, and finishes what is in flight.
func TestPodEndsInOrder(t *testing.T) {
	t.Setenv("POD_NAME", "web-5d7-x2")
	t.Setenv("POD_NAMESPACE", "shop")
	web, health := freePort(t), freePort(t)
	p := newPod()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	p.flags(fs)
	if err := fs.Parse([]string{"-http", web, "-health", health, "-drain", "300ms"}); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	done := make(chan error, 1)
	var out lockedBuffer
	go func() { done <- p.serve(ctx, &out) }()
	eventually(t, "ready", func() bool { return status("http://"+health+"/readyz") == http.StatusOK })

	response, err := http.Get("http://" + web + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	var answer echo.Answer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if answer.Backend != "web-5d7-x2" || answer.Namespace != "shop" || answer.Path != "/hello" {
		t.Errorf("answer: %+v", answer)
	}

	inFlight := make(chan error, 1)
	conn, err := net.Dial("tcp", web)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /?delay=1s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	go func() {
		conn.SetDeadline(time.Now().Add(patience))
		got, err := io.ReadAll(conn)
		if err == nil && !strings.HasPrefix(string(got), "HTTP/1.1 200") {
			err = fmt.Errorf("answered %q", got)
		}
		inFlight <- err
	}()
	eventually(t, "the request in flight", func() bool { return status("http://"+web+"/") == http.StatusOK })
	end()
	eventually(t, "not ready", func() bool { return status("http://"+health+"/readyz") == http.StatusServiceUnavailable })
	if err := <-inFlight; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "web-5d7-x2 answers http on "+web) {
		t.Errorf("said: %s", out.String())
	}
}

func TestPodListensOnItsPortsInACluster(t *testing.T) {
	for _, inCluster := range []bool{false, true} {
		if inCluster {
			t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
		} else {
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
		}
		p := newPod()
		p.flags(flag.NewFlagSet("", flag.ContinueOnError))
		if p.listens() != inCluster || (p.health == ":8081") != inCluster {
			t.Errorf("in a cluster %v: listens %v, health %q", inCluster, p.listens(), p.health)
		}
	}
}

// TestPodServesTheCertificateOfItsFiles, and says it when one of them is missing.
func TestPodServesTheCertificateOfItsFiles(t *testing.T) {
	want, err := echo.NewCertificate("inner.example.com")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := pairFiles{cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key")}
	if err := errors.Join(os.WriteFile(files.cert, want.Chain, 0o600), os.WriteFile(files.key, want.Key, 0o600)); err != nil {
		t.Fatal(err)
	}
	b, err := listen("tls", "web-1", "127.0.0.1:0", files)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	conn, err := tls.Dial("tcp", b.Addr().String(), &tls.Config{RootCAs: want.Pool(), ServerName: "inner.example.com", MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatalf("it does not present the certificate of its file: %v", err)
	}
	conn.Close()
	if _, err := listen("tls", "web-1", "127.0.0.1:0", pairFiles{cert: files.cert}); err == nil {
		t.Error("a certificate without a key: got no error")
	}
}
