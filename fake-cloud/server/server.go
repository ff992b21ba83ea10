package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fakeapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// Server is a fake cloud. It holds its ports from New on and answers while Run runs.
type Server struct {
	cfg      Config
	world    *world.World
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
	dice := world.NewDice(cfg.Seed)
	w, err := world.New(world.Config{
		Path: cfg.StatePath, NoSync: cfg.NoSync, Pool: world.AddressPool{Prefix: cfg.AddressPool}, Zone: cfg.Zone,
		Clock: cfg.Clock, Dice: dice, Latency: cfg.Latency, Quotas: *cfg.Quotas, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, world: w}
	if s.listener, err = listen(cfg.Listen); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	api := fakeapi.New(fakeapi.Config{
		World: w, Throttle: throttle.New(cfg.Throttle), Journal: journal.New(cfg.JournalSize),
		Tokens: cfg.Tokens, AdminToken: cfg.AdminToken, Crash: cfg.Crash, Version: cfg.Version, Log: cfg.Log,
	})
	s.http = &http.Server{
		Handler:           api,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      11 * time.Minute, // a fault may hold an answer back for ten
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	cfg.Log.Info("fake cloud", "api", s.URL(), "latency", cfg.Latency, "seed", dice.Seed(), "state", cfg.StatePath)
	return s, nil
}

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("API address %s is in use by another program: stop it, or choose another with --listen", address)
	default:
		return nil, fmt.Errorf("API address %s cannot be used: %w", address, err)
	}
}

// URL returns the address of the API: "http://127.0.0.1:1234".
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Run serves until ctx is done, or until something fails, and closes the server.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("API: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
		defer cancel()
		if err := s.http.Shutdown(grace); err != nil {
			return s.http.Close()
		}
		return nil
	})
	return errors.Join(g.Wait(), s.Close())
}

// Close gives back the ports and closes the state file.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.closed = errors.Join(s.http.Close(), s.world.Close())
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.closed = errors.Join(s.closed, err)
		}
	})
	return s.closed
}
