package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fakeapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// autoPool leaves the pool to the server.
const autoPool = "auto"

// version is set by the linker; without it the build's own is used.
var version = ""

// flags are what the user says.
type flags struct {
	listen, dns, state, pool, zone string
	iface                          string
	portOffset                     int
	latency                        string
	seed                           uint64
	noSync                         bool
	throttle                       []string
	tokenFile, adminTokenFile      string
	logFormat, logLevel            string
	accessLog                      string
	accessEvery                    int
	grace                          time.Duration
	proxy                          proxy.Options
	trustedProxies                 []string
	aws                            awsFlags
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "fakecloud",
		Short: "A cloud on this machine: load balancers that answer, behind an API like a cloud's",
		Long: `fakecloud serves the API of a cloud that sells load balancers, and the load balancers themselves: each has its own
address and DNS name and carries real traffic. Its state survives a restart, also after a kill.

It serves an AWS account, too: Elastic Load Balancing and what goes with it of EC2, ACM, STS and others, for the aws CLI and every SDK
with AWS_ENDPOINT_URL=http://127.0.0.1:4566.`,
		Args: noArgs, SilenceUsage: true, SilenceErrors: true, Version: buildVersion(),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd, f) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w (see `fakecloud --help`)", err) })
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", "127.0.0.1:7070", "address of the API, of /metrics, /healthz and /readyz")
	fs.StringVar(&f.dns, "dns-listen", "127.0.0.1:7053", `address of DNS, UDP and TCP, or "off"`)
	fs.StringVar(&f.state, "state", defaultState(), `state file, or "memory"`)
	fs.BoolVar(&f.noSync, "no-sync", false, "do not wait for the disk on every change: faster, and safe unless the machine itself fails")
	fs.StringVar(&f.iface, "interface", "", `network interface that load balancers get their addresses on, for other machines to reach; "auto" is that of the default route; without it the machine has the addresses of the pool already (Linux; takes NET_ADMIN)`)
	fs.StringVar(&f.pool, "address-pool", autoPool, `prefix or range FROM-TO that load balancers get their addresses from; "auto" is the end of the interface's network, or without --interface `+server.DefaultPool)
	fs.IntVar(&f.portOffset, "port-offset", server.DefaultPortOffset, "added to a listener's port under 1024 where that may not be bound")
	fs.StringVar(&f.zone, "zone", server.DefaultZone, "DNS zone of the load balancers' names")
	fs.StringVar(&f.latency, "latency", "instant", "how long changes take: instant, fast or realistic")
	fs.Uint64Var(&f.seed, "seed", 0, "of all chance, to see the same again; 0 takes one and logs it")
	fs.StringSliceVar(&f.throttle, "throttle", nil, "calls a second and burst for a class of calls, as in write=10:40; classes: "+strings.Join(fakeapi.Classes, ", "))
	fs.StringVar(&f.tokenFile, "token-file", "", "file of bearer tokens for the API, one a line; without it no token is asked for")
	fs.StringVar(&f.adminTokenFile, "admin-token-file", "", "file with the bearer token for /admin/v1")
	fs.StringVar(&f.accessLog, "access-log", "off", `file for a line of JSON per request that a load balancer answers, "stderr", or "off"`)
	fs.IntVar(&f.accessEvery, "access-log-every", 1, "log one request of this many")
	fs.DurationVar(&f.grace, "grace", 5*time.Second, "how long requests may go on when fakecloud stops")
	fs.StringVar(&f.logFormat, "log-format", "text", "text or json")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	f.aws.add(fs)
	f.addLimits(fs)
	return cmd
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q (see `fakecloud --help`)", args[0])
	}
	return nil
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// defaultState is where programs of this user keep what should last.
func defaultState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cloudgate", "fakecloud.db")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "cloudgate", "fakecloud.db")
	}
	return "fakecloud.db"
}

func run(cmd *cobra.Command, f flags) (err error) {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if cfg.Log, err = f.logger(); err != nil {
		return err
	}
	closeLog, err := f.openAccessLog(&cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	if err := s.Run(cmd.Context()); err != nil {
		return err
	}
	cfg.Log.Info("stopped")
	return nil
}

// config checks the flags. The error names the flag.
func (f flags) config() (server.Config, error) {
	cfg := server.Config{
		Listen: f.listen, DNSListen: f.dns, StatePath: f.state, NoSync: f.noSync, PortOffset: f.portOffset, Zone: f.zone, Interface: f.iface,
		Seed: f.seed, Crash: crash, Grace: f.grace, Version: buildVersion(), Proxy: f.proxy,
	}
	if f.state == "memory" {
		cfg.StatePath = ""
	}
	var err error
	if f.pool != autoPool {
		if cfg.AddressRange, err = world.ParsePool(f.pool); err != nil {
			return cfg, fmt.Errorf("--address-pool: %w", err)
		}
	}
	if cfg.Latency, err = world.ParseLatency(f.latency); err != nil {
		return cfg, fmt.Errorf("--latency: %w", err)
	}
	if cfg.Throttle, err = parseThrottle(f.throttle); err != nil {
		return cfg, fmt.Errorf("--throttle: %w", err)
	}
	if cfg.Proxy.TrustedProxies, err = parsePrefixes(f.trustedProxies); err != nil {
		return cfg, fmt.Errorf("--trusted-proxies: %w", err)
	}
	if err := f.checkLimits(); err != nil {
		return cfg, err
	}
	if cfg.AWS, err = f.aws.config(); err != nil {
		return cfg, err
	}
	if cfg.Tokens, err = readTokens(f.tokenFile); err != nil {
		return cfg, fmt.Errorf("--token-file: %w", err)
	}
	admin, err := readTokens(f.adminTokenFile)
	if err != nil {
		return cfg, fmt.Errorf("--admin-token-file: %w", err)
	}
	if len(admin) > 1 {
		return cfg, fmt.Errorf("--admin-token-file: %s holds more than one token", f.adminTokenFile)
	}
	if len(admin) == 1 {
		cfg.AdminToken = admin[0]
	}
	return cfg, nil
}

// parseThrottle reads "write=10:40".
func parseThrottle(values []string) (map[string]throttle.Rate, error) {
	rates := map[string]throttle.Rate{}
	for _, v := range values {
		class, spec, _ := strings.Cut(v, "=")
		perSecond, burst, hasBurst := strings.Cut(spec, ":")
		var r throttle.Rate
		var err error
		if r.PerSecond, err = strconv.ParseFloat(perSecond, 64); err == nil && hasBurst {
			r.Burst, err = strconv.Atoi(burst)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a class with a rate and a burst such as write=10:40", v)
		}
		rates[class] = r
	}
	return rates, nil
}

// readTokens reads a file of one token a line; empty lines and those that begin with # are left out.
func readTokens(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	var tokens []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if t := strings.TrimSpace(lines.Text()); t != "" && !strings.HasPrefix(t, "#") {
			tokens = append(tokens, t)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s holds no token", path)
	}
	return tokens, nil
}

func (f flags) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is not debug, info, warn or error", f.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	}
	return nil, fmt.Errorf("--log-format: %q is not text or json", f.logFormat)
}

func (f flags) openAccessLog(cfg *server.Config) (closeLog func() error, err error) {
	nothing := func() error { return nil }
	if f.accessEvery < 1 {
		return nil, fmt.Errorf("--access-log-every: %d is under 1", f.accessEvery)
	}
	cfg.Proxy.AccessEvery = f.accessEvery
	switch f.accessLog {
	case "off", "":
		return nothing, nil
	case "stderr":
		cfg.Proxy.AccessLog = os.Stderr
		return nothing, nil
	}
	file, err := os.OpenFile(f.accessLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--access-log: %w", err)
	}
	cfg.Proxy.AccessLog = file
	return file.Close, nil
}
