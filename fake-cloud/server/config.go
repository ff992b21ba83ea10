package server

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fakeapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// Off, as an address, leaves out what would listen there.
const Off = "off"

// Defaults of Config.
const (
	DefaultPool        = "127.64.0.0/16"
	DefaultZone        = "lb.fake.cloudgate.dev"
	DefaultPortOffset  = 8000
	DefaultJournalSize = 10000
	anyPort            = "127.0.0.1:0"
)

// Config says how a fake cloud is. The zero Config is a whole one, in memory, on ports that are free.
type Config struct {
	Listen    string // of the API; empty is a free port on 127.0.0.1
	DNSListen string // UDP and TCP; empty is a free port on 127.0.0.1; Off for no DNS
	StatePath string // of the state file; empty keeps the state in memory
	NoSync    bool   // see world.Config

	// AddressPool is where load balancers get their addresses, or AddressRange where it is not a prefix. Neither is DefaultPool, or with
	// an Interface a part of its network: see lan.Share.
	AddressPool  netip.Prefix
	AddressRange world.AddressPool
	// Interface is where the addresses are put, for other machines to reach; its name or lan.Auto. Empty: this machine has the
	// addresses of the pool already, as it has loopback's.
	Interface  string
	PortOffset int    // added to ports that may not be bound; see DefaultPortOffset
	Zone       string // of the load balancers' DNS names; see DefaultZone

	Latency  world.Latency // zero is Instant
	Quotas   *world.Quotas // nil is world.DefaultQuotas
	Throttle map[string]throttle.Rate
	Seed     uint64      // zero takes one by chance; it is logged
	Clock    world.Clock // nil runs with the machine's

	Tokens      []string // of the API
	AdminToken  string
	Crash       func() // see fakeapi.Config
	JournalSize int    // entries kept; see DefaultJournalSize
	Proxy       proxy.Options

	// AWS is an account of AWS beside the fake cloud's own API; the zero AWS is none.
	AWS AWS

	// Grace is how long requests may go on when the server stops; zero is five seconds.
	Grace   time.Duration
	Version string
	Log     *slog.Logger // nil logs nothing

	poolGiven bool
}

// pool is the one that was asked for.
func (c *Config) pool() world.AddressPool {
	if c.AddressRange.IsValid() {
		return c.AddressRange
	}
	return world.PrefixPool(c.AddressPool)
}

func (c *Config) complete() error {
	setDefault(&c.Listen, anyPort)
	setDefault(&c.DNSListen, anyPort)
	c.poolGiven = c.AddressPool.IsValid() || c.AddressRange.IsValid()
	setDefault(&c.AddressPool, netip.MustParsePrefix(DefaultPool))
	setDefault(&c.PortOffset, DefaultPortOffset)
	setDefault(&c.Zone, DefaultZone)
	setDefault(&c.Latency, world.Instant)
	setDefault(&c.JournalSize, DefaultJournalSize)
	setDefault(&c.Grace, 5*time.Second)
	setDefault(&c.Version, "unknown")
	if c.Quotas == nil {
		q := world.DefaultQuotas()
		c.Quotas = &q
	}
	if c.Clock == nil {
		c.Clock = world.RealClock()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Proxy.Logf == nil {
		log := c.Log
		c.Proxy.Logf = func(format string, args ...any) { log.Info("traffic: " + fmt.Sprintf(format, args...)) }
	}
	if c.PortOffset < 1 || c.PortOffset > 60000 {
		return fmt.Errorf("port offset %d is not in 1 to 60000", c.PortOffset)
	}
	for class, rate := range c.Throttle {
		if !slices.Contains(fakeapi.Classes, class) {
			return fmt.Errorf("throttle of %s: it is not a class of calls: %s", class, strings.Join(fakeapi.Classes, ", "))
		}
		if err := rate.Check(); err != nil {
			return fmt.Errorf("throttle of %s: %w", class, err)
		}
	}
	for class, rate := range c.AWS.Rates {
		if !slices.Contains(awsapi.Classes, class) {
			return fmt.Errorf("throttle of AWS's %s: it is not a class of calls: %s", class, strings.Join(awsapi.Classes, ", "))
		}
		if err := rate.Check(); err != nil {
			return fmt.Errorf("throttle of AWS's %s: %w", class, err)
		}
	}
	return nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
