package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain lets the test program be the real one too.
func TestMain(m *testing.M) {
	if os.Getenv("FAKECLOUD_TEST_RUN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type obj = map[string]any

// process is a running fakecloud.
type process struct {
	cmd *exec.Cmd
	url string
	log *bytes.Buffer
}

var pools atomic.Uint32

// ownPool returns addresses that no other test uses, nor this one in another process.
func ownPool() string { return fmt.Sprintf("127.%d.%d.0/24", 120+os.Getpid()%30, pools.Add(1)) }

// startArgs let p.start find where the program answers.
var startArgs = []string{"--listen", "127.0.0.1:0", "--dns-listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0", "--log-format", "json"}

func begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{}
	p.start(t, program(t, append(args, startArgs...)...))
	return p
}

func (p *process) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	p.cmd, p.log = cmd, &bytes.Buffer{}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it may have ended
	lines := bufio.NewScanner(stderr)
	for p.url == "" && lines.Scan() {
		var line struct{ API string }
		p.log.Write(append(lines.Bytes(), '\n'))
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			p.url = line.API
		}
	}
	if p.url == "" {
		t.Fatalf("it did not start: %s", p.log)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // it ends with the process
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "FAKECLOUD_TEST_RUN=1")
	return cmd
}

// try makes a call; status 0 is no answer.
func (p *process) try(method, path string, body any) (int, obj) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, nil
	}
	req, err := http.NewRequest(method, p.url+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	got := obj{}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return 0, nil
	}
	return resp.StatusCode, got
}

func (p *process) must(t *testing.T, want int, method, path string, body any) obj {
	t.Helper()
	status, got := p.try(method, path, body)
	if status != want {
		t.Fatalf("%s %s: want %d, got %d %v", method, path, want, status, got)
	}
	return got
}

func rule(name, pool string) obj {
	return obj{
		"name": name, "server": "all", "matches": []obj{{"rank": name, "path": obj{"type": "Exact", "value": "/" + name}}},
		"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": pool}}}},
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func answers(url string) bool {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == 200
}

// TestKill kills the program while 8 clients create rules, and starts it again: whatever was acknowledged is there, on the same
// address, and serves.
func TestKill(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(backend.Close)
	at := backend.Listener.Addr().(*net.TCPAddr)
	for _, durability := range []string{"--no-sync=false", "--no-sync"} {
		t.Run(durability, func(t *testing.T) {
			args := []string{"--state", filepath.Join(t.TempDir(), "state.db"), "--address-pool", ownPool(), durability}
			p := begin(t, args...)
			lb := p.must(t, 201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
			ls := p.must(t, 201, "POST", "/v1/loadbalancers/"+lb["id"].(string)+"/listeners",
				obj{"name": "http", "port": 8080, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})["id"].(string)
			po := p.must(t, 201, "POST", "/v1/pools", obj{"name": "p", "protocol": "HTTP1",
				"members": []obj{{"address": at.IP.String(), "port": at.Port}}})["id"].(string)
			endpoint := ""
			eventually(t, "active", func() bool {
				endpoint, _ = p.must(t, 200, "GET", "/v1/listeners/"+ls, nil)["endpoint"].(string)
				return endpoint != ""
			})
			for round := range 3 {
				acknowledged := p.killed(t, ls, po, round)
				p = begin(t, args...)
				if got := p.must(t, 200, "GET", "/v1/listeners/"+ls, nil)["endpoint"]; got != endpoint {
					t.Errorf("endpoint after a kill: want %s, got %v", endpoint, got)
				}
				for name, id := range acknowledged {
					p.must(t, 200, "GET", "/v1/rules/"+id, nil)
					eventually(t, name+" serves", func() bool { return answers("http://" + endpoint + "/" + name) })
				}
				if _, s := p.try("GET", "/admin/v1/status", nil); s["movedAside"] != nil {
					t.Fatalf("the state file was damaged: %v", s)
				}
			}
		})
	}
}

// killed creates rules until 60 are acknowledged, kills the program in the midst, and returns them by name.
func (p *process) killed(t *testing.T, ls, po string, round int) map[string]string {
	var mu sync.Mutex
	acknowledged := map[string]string{}
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("r%d-%d-%d", round, client, i)
				status, got := p.try("POST", "/v1/listeners/"+ls+"/rules", rule(name, po))
				if status != 201 {
					return
				}
				mu.Lock()
				acknowledged[name] = got["id"].(string)
				mu.Unlock()
			}
		})
	}
	eventually(t, "60 rules", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged) >= 60
	})
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	clients.Wait()
	_ = p.cmd.Wait() // it was killed
	t.Logf("killed after %d rules", len(acknowledged))
	return acknowledged
}

// TestCrashFault asks the program to crash on a call.
func TestCrashFault(t *testing.T) {
	args := []string{"--state", filepath.Join(t.TempDir(), "state.db"), "--address-pool", ownPool()}
	for effect, want := range map[string]int{"crash-before": 404, "crash-after": 200} {
		p := begin(t, args...)
		first := p.must(t, 201, "POST", "/v1/pools", obj{"name": effect + "0", "protocol": "TCP"})
		p.must(t, 201, "POST", "/admin/v1/faults", obj{"op": "UpdatePool", "effect": effect})
		if status, got := p.try("PATCH", "/v1/pools/"+first["id"].(string), obj{"name": effect + "1"}); status != 0 {
			t.Errorf("%s answered %d %v", effect, status, got)
		}
		_ = p.cmd.Wait() // it crashed
		p = begin(t, args...)
		name := p.must(t, 200, "GET", "/v1/pools/"+first["id"].(string), nil)["name"]
		if performed := name == effect+"1"; performed != (want == 200) {
			t.Errorf("%s: the name is %v", effect, name)
		}
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("a stop on request: %v", err)
		}
	}
}

func TestOneLineForWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("# none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("AKID secret\nAKID2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	running := begin(t, "--state", filepath.Join(dir, "used.db"), "--address-pool", ownPool())
	_ = running
	tests := []struct {
		says string
		args []string
	}{
		{"unknown flag: --lissten (see `fakecloud --help`)", []string{"--lissten", "x"}},
		{"unexpected argument \"serve\" (see `fakecloud --help`)", []string{"serve"}},
		{"API address " + l.Addr().String() + " is in use by another program", []string{"--state", "memory", "--listen", l.Addr().String()}},
		{"DNS address 127.0.0.1:" + fmt.Sprint(running.dnsPort(t)) + " is in use", []string{"--state", "memory", "--listen", "127.0.0.1:0", "--dns-listen", "127.0.0.1:" + fmt.Sprint(running.dnsPort(t))}},
		{"API address nowhere:1x cannot be used", []string{"--state", "memory", "--listen", "nowhere:1x"}},
		{"state directory", []string{"--state", filepath.Join(file, "x.db")}},
		{"is in use by another process", []string{"--state", filepath.Join(dir, "used.db"), "--listen", "127.0.0.1:0"}},
		{`--address-pool: "x" is not a prefix`, []string{"--address-pool", "x"}},
		{"take a wider one", []string{"--state", "memory", "--address-pool", "127.0.0.0/32"}},
		{`--latency: "slow" is not a latency profile`, []string{"--latency", "slow"}},
		{"--throttle", []string{"--throttle", "write"}},
		{"throttle of writes: it is not a class of calls", []string{"--state", "memory", "--throttle", "writes=1:1"}},
		{"holds no token", []string{"--token-file", file}},
		{"--token-file: open", []string{"--token-file", filepath.Join(dir, "none")}},
		{"--log-level", []string{"--log-level", "loud"}},
		{"--log-format", []string{"--log-format", "xml"}},
		{"--access-log", []string{"--access-log", dir}},
		{"--max-fields: 0 is under 1", []string{"--max-fields", "0"}},
		{"--head-timeout: 0 is no time", []string{"--head-timeout", "0s"}},
		{"--http2-max-frame-bytes: 100 is not within", []string{"--http2-max-frame-bytes", "100"}},
		{`--trusted-proxies: "x" is neither`, []string{"--trusted-proxies", "x"}},
		{"AWS address " + l.Addr().String() + " is in use by another program", []string{"--state", "memory", "--listen", "127.0.0.1:0", "--dns-listen", "off", "--aws-listen", l.Addr().String()}},
		{`--aws-vpc-cidr: "x" is not a prefix`, []string{"--aws-vpc-cidr", "x"}},
		{"VPC CIDR 10.0.0.0/30 is not", []string{"--state", "memory", "--listen", "127.0.0.1:0", "--dns-listen", "off", "--aws-listen", "127.0.0.1:0", "--aws-vpc-cidr", "10.0.0.0/30"}},
		{`"x" is not an AWS account`, []string{"--state", "memory", "--listen", "127.0.0.1:0", "--dns-listen", "off", "--aws-listen", "127.0.0.1:0", "--aws-account", "x"}},
		{"--aws-key-file: line 2 of " + keys + " is not an access key and its secret", []string{"--aws-key-file", keys}},
		{"--aws-key-file: " + file + " holds no key", []string{"--aws-key-file", file}},
		{"--aws-rate", []string{"--aws-rate", "ec2:read"}},
		{"throttle of AWS's read: it is not a class of calls", []string{"--state", "memory", "--aws-rate", "read=1:1"}},
		{"--aws-lag", []string{"--aws-lag", "-1s"}},
		{"port offset -1 is not in", []string{"--state", "memory", "--port-offset", "-1"}},
	}
	for _, tt := range tests {
		t.Run(tt.says, func(t *testing.T) {
			out, err := program(t, tt.args...).CombinedOutput()
			if err == nil {
				t.Fatal("it started and stopped without an error")
			}
			got := string(out)
			if !strings.Contains(got, tt.says) || strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "fakecloud: ") {
				t.Errorf("want one line that says %q, got %q", tt.says, got)
			}
		})
	}
}

// dnsPort is where the process answers DNS, from its log.
func (p *process) dnsPort(t *testing.T) string {
	t.Helper()
	for _, l := range strings.Split(p.log.String(), "\n") {
		var line struct{ DNS string }
		if json.Unmarshal([]byte(l), &line) == nil && line.DNS != "" {
			_, port, err := net.SplitHostPort(line.DNS)
			if err != nil {
				t.Fatal(err)
			}
			return port
		}
	}
	t.Fatal("the log does not say where DNS is")
	return ""
}

func TestVersion(t *testing.T) {
	out, err := program(t, "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "fakecloud version ") {
		t.Errorf("got %q, %v", out, err)
	}
}
