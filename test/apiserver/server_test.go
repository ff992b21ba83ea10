package apiserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// deadline bounds how long a test waits for something that is to come.
const deadline = 60 * time.Second

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: did not come within %s", what, deadline)
		}
	}
}

// kube returns the program that is etcd and kube-apiserver.
func kube(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CLOUDGATE_KUBE"); path != "" {
		return path
	}
	found, err := filepath.Glob("../../.cache/cluster/*/bin/kube")
	if err != nil || len(found) == 0 {
		const why = "there is no kube-apiserver: bring a cluster up once (make bin/cluster, bin/cluster up), or set CLOUDGATE_KUBE"
		if os.Getenv("CI") != "" {
			t.Fatal(why) // a skip would leave all of this unproven, and nobody would notice
		}
		t.Skip(why)
	}
	path, err := filepath.Abs(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a program that runs until stop, kill or the end of the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// run starts a program. Its output goes to a file, of which the end is shown when the test fails.
func run(t *testing.T, name, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, log: filepath.Join(t.TempDir(), name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(path, args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log
		out.Close()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		if t.Failed() {
			if data, err := os.ReadFile(p.log); err == nil && len(data) > 0 {
				t.Logf("the end of the log of %s:\n%s", name, data[max(0, len(data)-3000):])
			}
		}
	})
	return p
}

// signal sends a signal and waits for the end.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(s) // it may have ended
	select {
	case <-p.done:
	case <-time.After(deadline):
		p.t.Errorf("%s does not end", p.cmd.Path)
	}
}

func (p *process) runs() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// loopback is an address of this process alone, so that ports need not be free elsewhere.
var loopback = sync.OnceValue(func() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.1", 80+pid>>8%100, pid%256)
})

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", loopback()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// server is a control plane without controllers.
type server struct {
	t     *testing.T
	kube  string
	dir   string
	port  int
	args  []string
	api   *process
	audit string
	token string
}

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata}]
`

func newServer(t *testing.T) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("short")
	}
	s := &server{t: t, kube: kube(t), dir: t.TempDir(), token: secret(t)}
	s.audit = filepath.Join(s.dir, "audit.log")
	write := func(name string, data []byte) string {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}); err != nil {
		t.Fatal(err)
	}
	client, peer := "http://"+freeAddress(t), "http://"+freeAddress(t)
	run(t, "etcd", s.kube, "etcd", "--data-dir", filepath.Join(s.dir, "etcd"), "--unsafe-no-fsync", "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	account := write("account.key", text.Bytes())
	s.args = []string{"kube-apiserver", "--etcd-servers", client, "--bind-address", loopback(), "--secure-port", port,
		"--advertise-address", "192.0.2.1", "--endpoint-reconciler-type", "none", "--cert-dir", filepath.Join(s.dir, "certs"),
		"--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", account, "--service-account-signing-key-file", account,
		"--token-auth-file", write("tokens.csv", []byte(s.token+`,admin,1,"system:masters"`+"\n")),
		"--audit-log-path", s.audit, "--audit-policy-file", write("policy.yaml", []byte(auditPolicy)), "--audit-log-maxsize", "1000",
	}
	s.start()
	return s
}

func secret(t *testing.T) string {
	t.Helper()
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// start starts kube-apiserver and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.api = run(s.t, "kube-apiserver", s.kube, s.args...)
	c, err := rest.HTTPClientFor(s.config(s.token))
	if err != nil {
		s.t.Fatal(err)
	}
	until(s.t, "the API server is ready", func() bool {
		if !s.api.runs() {
			s.t.Fatal("kube-apiserver ended")
		}
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"/readyz", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (s *server) url() string { return fmt.Sprintf("https://%s:%d", loopback(), s.port) }

// config returns how to reach the server with a token.
func (s *server) config(token string) *rest.Config {
	return &rest.Config{Host: s.url(), BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: -1}
}

// kubeconfig writes a kubeconfig with a token.
func (s *server) kubeconfig(token string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: %s}}]
users: [{name: u, user: {token: %s}}]
current-context: c
`, s.url(), home, token)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
