package awscli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
)

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	host      = "shop.example.com"
)

// deadline is for a whole script: each command of the CLI takes a second or two to start.
const deadline = 5 * time.Minute

// TestCLI runs the scripts with every aws CLI on the PATH.
func TestCLI(t *testing.T) {
	found := programs("aws", "--version")
	if len(found) == 0 {
		t.Skip("there is no aws CLI on the PATH: apt-get install awscli")
	}
	for path, version := range found {
		t.Run(path, func(t *testing.T) {
			t.Log(version)
			story(t, func(script string, args ...string) *exec.Cmd {
				cmd := exec.Command("sh", append([]string{script + ".sh"}, args...)...)
				cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
				return cmd
			})
		})
	}
}

// TestBoto3 runs the scripts with every Python on the PATH that has boto3.
func TestBoto3(t *testing.T) {
	found := programs("python3", "-c", "import boto3, sys; print(boto3.__version__, sys.version)")
	if len(found) == 0 {
		t.Skip("there is no Python with boto3 on the PATH: apt-get install python3-boto3")
	}
	for path, version := range found {
		t.Run(path, func(t *testing.T) {
			t.Log(version)
			story(t, func(script string, args ...string) *exec.Cmd {
				cmd := exec.Command(path, append([]string{script + ".py"}, args...)...)
				cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
				return cmd
			})
		})
	}
}

// TestNetworkLoadBalancer makes one with every Python on the PATH that has boto3, and speaks through it.
func TestNetworkLoadBalancer(t *testing.T) {
	found := programs("python3", "-c", "import boto3; print(boto3.__version__)")
	if len(found) == 0 {
		t.Skip("there is no Python with boto3 on the PATH: apt-get install python3-boto3")
	}
	for path, version := range found {
		t.Run(path, func(t *testing.T) {
			t.Log("boto3 " + version)
			cloud := start(t)
			target, port := echo(t), freePort(t)
			python := func(args ...string) *exec.Cmd {
				cmd := exec.Command(path, append([]string{"network.py"}, args...)...)
				cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
				return cmd
			}
			name := strings.TrimSpace(run(t, cloud, python(target.Addr().String(), fmt.Sprint(target.Port()), port)))
			if !strings.HasPrefix(name, "line-") || !strings.HasSuffix(name, ".elb.eu-west-1.amazonaws.com") {
				t.Errorf("got the name %q", name)
			}
			ip := resolve(t, cloud, name)
			if got := say(t, net.JoinHostPort(ip, port), "hello"); got != "hello" {
				t.Errorf("got %q", got)
			}
			run(t, cloud, python("delete"))
			if _, err := net.DialTimeout("tcp", net.JoinHostPort(ip, port), time.Second); err == nil {
				t.Error("the load balancer is deleted, and answers")
			}
		})
	}
}

// programs returns the programs of a name on the PATH that run with the arguments, and what they say.
func programs(name string, args ...string) map[string]string {
	found := map[string]string{}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if real, err := filepath.EvalSymlinks(path); err != nil || seen(found, real) {
			continue
		}
		if said, err := exec.Command(path, args...).CombinedOutput(); err == nil {
			found[path] = strings.TrimSpace(string(said))
		}
	}
	return found
}

// seen says whether a file was found under another name, as /bin/aws is /usr/bin/aws on many systems.
func seen(found map[string]string, real string) bool {
	for path := range found {
		if other, err := filepath.EvalSymlinks(path); err == nil && other == real {
			return true
		}
	}
	return false
}

// story makes a load balancer with one script, sends it requests, and deletes it with another.
func story(t *testing.T, script func(name string, args ...string) *exec.Cmd) {
	cloud := start(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "shop for %s by %s", r.Host, r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(backend.Close)
	target := netip.MustParseAddrPort(backend.Listener.Addr().String())
	certificate, key, roots := newCertificate(t, host)
	port := freePort(t)

	made := strings.Fields(run(t, cloud, script("create", target.Addr().String(), fmt.Sprint(target.Port()), certificate, key, port)))
	if len(made) != 2 || !strings.HasPrefix(made[0], "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/") {
		t.Fatalf("got %q", made)
	}
	ip := resolve(t, cloud, made[1])
	client := &http.Client{
		Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(ip, port))
			},
		},
	}
	t.Cleanup(client.CloseIdleConnections)
	// An Application Load Balancer adds the port of its listener to a Host without one, unless it is the usual port.
	shop := "200 shop for " + host + ":" + port + " by https"
	for path, want := range map[string]string{
		"/shop":   shop,
		"/shop/a": shop,
		"/shopx":  "404 nothing here",
		"/old":    "301 https://" + host + ":" + port + "/shop",
	} {
		if got := get(t, client, "https://"+host+path); got != want {
			t.Errorf("%s: want %q, got %q", path, want, got)
		}
	}
	run(t, cloud, script("delete"))
	if _, err := net.DialTimeout("tcp", net.JoinHostPort(ip, port), time.Second); err == nil {
		t.Error("the load balancer is deleted, and answers")
	}
}

// start starts a fake cloud that knows one key.
func start(t *testing.T) *server.Server {
	t.Helper()
	var log bytes.Buffer
	cloud, err := server.New(server.Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		AWS: server.AWS{Listen: "127.0.0.1:0", VPCCIDR: netip.MustParsePrefix("127.0.0.0/8"), Keys: map[string]string{accessKey: secretKey}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- cloud.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the fake cloud:\n%s", &log)
		}
	})
	return cloud
}

// run runs a script against a fake cloud to its end and returns what it printed.
func run(t *testing.T, cloud *server.Server, cmd *exec.Cmd) string {
	t.Helper()
	return runAt(t, cloud.AWSURL(), cmd)
}

// runAt is run for an API at a URL.
func runAt(t *testing.T, url string, cmd *exec.Cmd) string {
	t.Helper()
	dir := t.TempDir()
	name := cmd.Args[1]
	from, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[1] = from
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &said, dir
	cmd.Env = append(cmd.Env, "HOME="+dir, "AWS_ENDPOINT_URL="+url, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=10",
		"PYENV_VERSION="+os.Getenv("PYENV_VERSION"), "PYENV_ROOT="+os.Getenv("PYENV_ROOT"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, &out, &said)
	}
	return out.String()
}

// resolve asks the fake cloud's DNS for an address of a load balancer.
func resolve(t *testing.T, cloud *server.Server, name string) string {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeA)
	answer, err := dns.Exchange(m, cloud.DNSAddress())
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range answer.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String()
		}
	}
	t.Fatalf("DNS has no address of %s: %s", name, answer)
	return ""
}

// get returns status and body, or where a redirect goes.
func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if to := resp.Header.Get("Location"); to != "" {
		return fmt.Sprintf("%d %s", resp.StatusCode, to)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// freePort returns a port that everybody may bind, and that nothing has on 127.0.0.1.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// newCertificate writes the files of a certificate that a client with roots trusts.
func newCertificate(t *testing.T, name string) (certificate, key string, roots *x509.CertPool) {
	t.Helper()
	certPEM, keyPEM := makeCertificate(t, name)
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, raw := range map[string][]byte{certificate: certPEM, key: keyPEM} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certificate, key, roots
}
