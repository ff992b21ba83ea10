package aws

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// Config is what a Cloud is made of. Clock, Dice and Log are required.
type Config struct {
	Path   string // of the state file; empty keeps the state in memory
	NoSync bool   // do not wait for the disk itself: enough for a kill of the process, not for a loss of power
	Clock  world.Clock
	Dice   *world.Dice
	Log    *slog.Logger

	AccountID string       // twelve digits; empty is DefaultAccountID
	VPCCIDR   netip.Prefix // of the default VPC; zero is DefaultVPCCIDR
	// Addresses is where load balancers get the addresses on which they answer; nil is a pool of the Cloud's own.
	Addresses Addresses
	Latency   world.Latency // zero is Instant
	// Lag is how long what was just made may stay unseen by another call: AWS is eventually consistent. Zero is not at all.
	Lag time.Duration
	// Reported says that somebody carries the traffic and reports the health of targets. Otherwise every target that is in use and
	// whose address resolves is healthy after its first health checks.
	Reported bool
	Quotas   map[string]int // those that are not as AWS has them at first, see DefaultQuotas

	// IdentityProviders are trusted from the start, beside those that are registered later. They are not a part of the state.
	IdentityProviders []IdentityProvider
	// OnlyKnownIdentities refuses tokens of other issuers, which are otherwise believed whatever they say.
	OnlyKnownIdentities bool
	// Now is the time that tokens are held against: that of who makes them. Nil is Clock's, which can be put forward.
	Now func() time.Time
}

// Defaults of Config.
const (
	DefaultAccountID = "123456789012"
	DefaultVPCCIDR   = "172.31.0.0/16"
	defaultPool      = "127.66.0.0/16"
)

// Addresses lends the addresses on which load balancers answer: one pool for every cloud of the process.
type Addresses interface {
	// Lend gives an address that nobody has.
	Lend(holder string) (netip.Addr, error)
	// Claim takes one that the holder had before the process was started. It fails where another has it, or it is in no pool.
	Claim(holder string, ip netip.Addr) error
	// GiveBack ends either.
	GiveBack(ip netip.Addr)
}

// Cloud is AWS as one account sees it. Safe for concurrent use.
type Cloud struct {
	cfg       Config
	addresses Addresses

	mu       sync.RWMutex
	regions  map[string]*Region
	seq      uint64 // the last one given out
	quotas   map[string]int
	latency  world.Latency
	lag      time.Duration
	closed   bool
	schedule schedule
	armed    time.Time // when the alarm is set for; zero when it is not
	disarm   func()
	store    *store // nil: in memory
	aside    string // what the state file was moved to at start, when it was damaged

	followers sync.Mutex
	watches   []*watch
}

// Region is one region of the account.
type Region struct {
	cloud *Cloud
	name  string
	tables

	users     map[string]map[string]struct{} // ARN or id: keys of the rows that name it
	version   uint64
	view      *View // nil when it has to be made again
	listeners reports
}

// Fault is an error as the API words it.
type Fault struct {
	Code    string // as on the wire: "LoadBalancerNotFound", "InvalidGroup.NotFound"
	Message string
	Status  int // of HTTP
	// About is what it is about, where the API has an element for that: S3's BucketName, Key, Region.
	About, Value string
}

// Error implements error.
func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// faultf returns a Fault of a bad request.
func faultf(code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...), Status: 400}
}

// isFault reports whether err is a Fault with the code.
func isFault(err error, code string) bool {
	var f *Fault
	return errors.As(err, &f) && f.Code == code
}

// invalidf is the fault of elbv2 for input that is not as it has to be.
func invalidf(format string, args ...any) *Fault { return faultf("ValidationError", format, args...) }

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// New opens the account that the state file holds, or a new one. The error is one sentence for the user.
func New(cfg Config) (*Cloud, error) {
	if cfg.AccountID == "" {
		cfg.AccountID = DefaultAccountID
	}
	if !accountID.MatchString(cfg.AccountID) {
		return nil, fmt.Errorf("%q is not an AWS account: twelve digits", cfg.AccountID)
	}
	if !cfg.VPCCIDR.IsValid() {
		cfg.VPCCIDR = netip.MustParsePrefix(DefaultVPCCIDR)
	}
	if !cfg.VPCCIDR.Addr().Is4() || cfg.VPCCIDR.Bits() > 24 || cfg.VPCCIDR != cfg.VPCCIDR.Masked() {
		return nil, fmt.Errorf("VPC CIDR %s is not an IPv4 prefix of at most 24 bits such as %s", cfg.VPCCIDR, DefaultVPCCIDR)
	}
	if cfg.Latency == 0 {
		cfg.Latency = world.Instant
	}
	if err := checkIdentityProviders(cfg.IdentityProviders); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = cfg.Clock.Now
	}
	c := &Cloud{cfg: cfg, addresses: cfg.Addresses, regions: map[string]*Region{}, latency: cfg.Latency, lag: cfg.Lag}
	if c.addresses == nil {
		c.addresses = world.NewLender(world.PrefixPool(netip.MustParsePrefix(defaultPool)))
	}
	c.quotas = initialQuotas(cfg)
	if err := c.open(); err != nil {
		return nil, err
	}
	return c, nil
}

// Close writes what is pending and closes the state file. Changes after it fail.
func (c *Cloud) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	if c.disarm != nil {
		c.disarm()
	}
	c.mu.Unlock()
	c.unwatch()
	return c.closeDisk()
}

// AccountID returns the account's twelve digits.
func (c *Cloud) AccountID() string { return c.cfg.AccountID }

// Clock returns the clock that the account lives by.
func (c *Cloud) Clock() world.Clock { return c.cfg.Clock }

// SetLatency changes how long changes take that begin from now on. It lasts until the Cloud is closed.
func (c *Cloud) SetLatency(l world.Latency) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latency = l
}

// SetLag changes how long new rows may stay unseen. It lasts until the Cloud is closed.
func (c *Cloud) SetLag(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = d
}

// Region returns a region, made on first use as AWS makes one: with a default VPC, subnets, an internet gateway and routes.
func (c *Cloud) Region(name string) *Region {
	c.mu.RLock()
	r, ok := c.regions[name]
	c.mu.RUnlock()
	if ok {
		return r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.regions[name]; ok {
		return r
	}
	r = c.newRegion(name)
	c.regions[name] = r
	t := r.begin()
	r.seed(t)
	t.commit()
	return r
}

// Reset makes every region as it was at first, and sets quotas, latency and lag as they were at the start.
func (c *Cloud) Reset() error {
	for _, r := range c.Regions() {
		err := r.write(func(x *tx) error {
			for _, lb := range r.loadBalancers.all() {
				for _, z := range lb.Zones {
					x.after = append(x.after, func() { c.addresses.GiveBack(z.Address) })
				}
			}
			for _, t := range r.list() {
				var keys []string
				t.each(func(old row) { keys = append(keys, old.meta().Key) })
				for _, key := range keys {
					x.drop(t, key)
				}
			}
			r.seed(x)
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quotas, c.latency, c.lag = initialQuotas(c.cfg), c.cfg.Latency, c.cfg.Lag
	return nil
}

// Regions returns the regions that were used, by name.
func (c *Cloud) Regions() []*Region {
	c.mu.RLock()
	defer c.mu.RUnlock()
	regions := make([]*Region, 0, len(c.regions))
	for _, r := range c.regions {
		regions = append(regions, r)
	}
	slices.SortFunc(regions, func(a, b *Region) int { return strings.Compare(a.name, b.name) })
	return regions
}

func (c *Cloud) newRegion(name string) *Region {
	r := &Region{cloud: c, name: name, users: map[string]map[string]struct{}{}, listeners: reports{}}
	r.tables = newTables(r)
	return r
}

// Name returns the region's name.
func (r *Region) Name() string { return r.name }

// Cloud returns the account that the region belongs to.
func (r *Region) Cloud() *Cloud { return r.cloud }
