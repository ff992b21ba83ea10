package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dns"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fakeapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// maxConnections of clients of the API.
const maxConnections = 1000

// Server is a fake cloud. It holds its ports from New on and answers while Run runs.
type Server struct {
	cfg      Config
	world    *world.World
	plane    *dataplane.Plane
	share    *dataplane.Share // of link; nil without
	dns      *dns.Server      // nil when it is off
	link     *lan.Link        // nil without an interface
	aws      *amazon          // nil when it is off
	listener net.Listener
	http     *http.Server
	closing  sync.Once
	closed   error
}

// New opens the state and takes the ports. The error is one sentence for the user. Close a Server that is not Run.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	m := newMetrics(s.world, s.stats, s.link)
	mux := s.handler(m)
	if s.aws != nil {
		s.serveAWS(mux, m)
	}
	s.http = s.newHTTP(mux)
	return s, nil
}

// newHTTP returns the server of an API.
func (s *Server) newHTTP(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      11 * time.Minute, // a fault may hold an answer back for ten
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
}

// open opens the interface, the state and the ports.
func (s *Server) open() error {
	cfg := s.cfg
	pool, shared, err := s.openPool()
	if err != nil {
		return err
	}
	dice := world.NewDice(cfg.Seed)
	s.world, err = world.New(world.Config{
		Path: cfg.StatePath, NoSync: cfg.NoSync, Pool: pool, Zone: cfg.Zone, Clock: cfg.Clock, Dice: dice,
		Latency: cfg.Latency, Quotas: *cfg.Quotas, Reported: true, Claimed: s.link != nil, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	if cfg.AWS.on() {
		if err := s.openAWS(dice); err != nil {
			return err
		}
	}
	s.openPlanes(ports.New(ports.Config{Shared: shared, Offset: cfg.PortOffset, Log: cfg.Log}))
	cfg.Log.Info("fake cloud", "api", s.URL(), "dns", s.DNSAddress(), "zone", cfg.Zone, "addresses", pool.String(),
		"latency", cfg.Latency.String(), "seed", dice.Seed(), "state", cfg.StatePath)
	return nil
}

// listen takes the ports of the API and of DNS.
func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.cfg.Listen)
	switch {
	case err == nil:
		s.listener = l
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("API address %s is in use by another program: stop it, or choose another with --listen", s.cfg.Listen)
	default:
		return fmt.Errorf("API address %s cannot be used: %w", s.cfg.Listen, err)
	}
	if s.cfg.DNSListen == Off {
		return nil
	}
	s.dns, err = dns.New(dns.Config{
		Address: s.cfg.DNSListen, Zones: s.zones(),
		Serial: func() uint32 { return uint32(s.cfg.Clock.Now().Unix()) },
	})
	return err
}

func (s *Server) handler(m *metrics) *http.ServeMux {
	api := fakeapi.New(fakeapi.Config{
		World: s.world, Throttle: throttle.New(s.cfg.Throttle), Journal: journal.New(s.cfg.JournalSize),
		Health: s.health, CheckRule: dataplane.CheckRule, Tokens: s.cfg.Tokens, AdminToken: s.cfg.AdminToken,
		Reset: s.resetAWS, Crash: s.cfg.Crash, Served: m.served, Version: s.cfg.Version, Log: s.cfg.Log,
	})
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("GET /metrics", m.handler())
	mux.HandleFunc("GET /healthz", probe(s.Writable))
	mux.HandleFunc("GET /readyz", probe(s.Ready))
	return mux
}

// probe answers 200 while check returns nil, else 503 with the error.
func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n")) // the client may have gone
	}
}

var errStarting = errors.New("load balancers are being brought back")

// Ready returns nil once the load balancers that were there at the start have their addresses again, and while changes can be kept.
func (s *Server) Ready() error {
	if !s.settled() {
		return errStarting
	}
	return s.Writable()
}

// health says how the members of a pool are in the words of the API.
func (s *Server) health(pool string) map[netip.AddrPort]fakeapi.MemberHealth {
	got := map[netip.AddrPort]fakeapi.MemberHealth{}
	for address, h := range s.plane.Health(pool) {
		m := fakeapi.MemberHealth{State: "initial", Reason: h.Reason}
		switch h.Health {
		case proxy.Healthy:
			m.State = "healthy"
		case proxy.Unhealthy:
			m.State = "unhealthy"
		case proxy.Draining:
			m.State = "draining"
		case proxy.Unknown:
			if !h.Checked {
				m = fakeapi.MemberHealth{State: "healthy", Reason: "the pool has no health check"}
			}
		}
		got[address] = m
	}
	return got
}

// URL returns the address of the API: "http://127.0.0.1:1234".
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Writable returns nil while changes can be kept. The error is one line for the user; it goes by itself when they can be again.
func (s *Server) Writable() error {
	if err := s.world.Health(); err != nil || s.aws == nil {
		return err
	}
	return s.aws.cloud.Health()
}

// MovedAside returns where a damaged state file was moved to at the start; empty when it was sound.
func (s *Server) MovedAside() string { return s.world.MovedAside() }

// DNSAddress returns where DNS answers, over UDP and TCP; empty when it is off.
func (s *Server) DNSAddress() string {
	if s.dns == nil {
		return ""
	}
	return s.dns.Address()
}

// World returns the state, for who embeds the server and wants to look.
func (s *Server) World() *world.World { return s.world }

// Run serves until ctx is done, or until something fails, and closes the server. What is in flight has Config.Grace to end.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	serve(ctx, g, "API", s.http, netutil.LimitListener(s.listener, maxConnections), s.cfg.Grace)
	if s.aws != nil {
		s.aws.run(ctx, g, s.cfg.Grace)
	}
	s.runPlanes(ctx, g)
	if s.dns != nil {
		g.Go(func() error { return s.dns.Run(ctx) })
	}
	return errors.Join(g.Wait(), s.Close())
}

// serve serves an API until ctx is done.
func serve(ctx context.Context, g *errgroup.Group, name string, api *http.Server, l net.Listener, grace time.Duration) {
	g.Go(func() error {
		if err := api.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := api.Shutdown(ending); err != nil {
			return api.Close() // some did not end in time
		}
		return nil
	})
}

// Close gives back the ports and the addresses, and closes the state file. A Server that was Run is closed.
func (s *Server) Close() error {
	s.closing.Do(func() {
		var errs []error
		if s.aws != nil {
			errs = append(errs, s.aws.close()...)
		}
		if s.world != nil {
			errs = append(errs, s.world.Close())
		}
		if s.listener != nil {
			errs = append(errs, s.listener.Close())
		}
		if s.dns != nil {
			errs = append(errs, s.dns.Close())
		}
		if s.link != nil {
			errs = append(errs, s.link.Close()) // last: requests have ended
		}
		for _, err := range errs {
			if !errors.Is(err, net.ErrClosed) {
				s.closed = errors.Join(s.closed, err)
			}
		}
	})
	return s.closed
}
