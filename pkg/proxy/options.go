package proxy

import (
	"io"
	"net/netip"
	"time"
)

// Options limit what one Engine accepts and say where it writes. A zero field means its default; a negative duration means no limit.
// Timeouts not named by a route are coarse: they may come up to half a second late.
type Options struct {
	Name string // of the load balancer, for the access log

	// What a client may send.
	MaxHead       int   // bytes of a request's line and fields together; default 64 KiB, at least 1 KiB
	MaxLine       int   // bytes of the request line or of one field; default 16 KiB
	MaxFields     int   // default 128
	MaxBody       int64 // bytes; default 1 TiB, because what passes through is not kept
	MaxTrailers   int   // bytes of a chunked body's trailer section; default 8 KiB
	MaxExtensions int   // bytes of chunk extensions in a whole body; default 16 KiB
	MaxPipelined  int   // requests on one connection before it is closed; default 1,000,000

	// How long a client may take.
	HeadTimeout time.Duration // from the first byte of a request to the end of its head; for TLS, the handshake too; default 10 s
	IdleTimeout time.Duration // between requests; default 75 s
	// ClientLifetime is after what time a connection gets no request more; default none.
	ClientLifetime time.Duration
	BodyTimeout    time.Duration // for a request's body, beyond the time that it takes at BodyRate; default 30 s
	BodyRate       int           // bytes per second; default 240
	WriteTimeout   time.Duration // for the client to take 64 KiB of a response; default 30 s

	// How connections are held.
	MaxConnections int           // of clients, over all listeners; more wait in the kernel's queue; default 100,000
	DrainTimeout   time.Duration // how long a removed listener's connections may go on; default 30 s
	TunnelIdle     time.Duration // silence after which an upgraded, TCP or TLS passthrough connection is closed; default 1 h
	UDPIdle        time.Duration // silence after which a UDP session ends; default 60 s
	MaxSessions    int           // of UDP, per listener; default 65,536

	// How endpoints are spoken to.
	DialTimeout      time.Duration // default 3 s
	ResponseTimeout  time.Duration // from the end of the request to the head of the response; default 60 s
	StreamTimeout    time.Duration // silence within a response's body; default 5 min
	UpstreamIdle     time.Duration // after which an unused connection is closed; default 30 s
	UpstreamLifetime time.Duration // after which a connection is not used again; default 10 min
	UpstreamSpares   int           // unused connections kept per endpoint; default 512
	QueueTimeout     time.Duration // for room at an endpoint that has as many connections as its pool allows; default 1 s
	MaxTries         int           // endpoints tried for one request when the earlier ones did not get it; default 3
	OneDial          bool          // an endpoint that cannot be connected to costs whoever comes to it: no other is tried, and Eject means nothing
	Eject            time.Duration // how long an endpoint without health checks that cannot be connected to is a last resort; default 2 s

	// How requests are mirrored.
	MirrorTimeout time.Duration // for a mirror, from when it has been sent the whole request, at the latest; default 15 s
	MirrorBuffer  int           // bytes of a body that wait for one mirror; default 128 KiB, at least 64 KiB
	MaxMirrors    int           // mirrored requests of a pool at once; more are not sent; default 256

	// HTTP/2.
	MaxStreams    uint32 // concurrent, per connection; default 128
	MaxResetRate  int    // streams that a client may reset per second and connection; default 100
	MaxFrameBytes uint32 // default 16 KiB

	// TrustedProxies may say who the client is: their X-Forwarded-* fields are continued. Anyone else's are replaced.
	TrustedProxies []netip.Prefix

	// AccessLog gets one line of JSON per sampled request; nil turns it off. It is written by one goroutine of the engine. Lines that
	// it cannot take as fast as they come are dropped and counted.
	AccessLog   io.Writer
	AccessEvery int // sample one request of this many; default 1, all

	// Logf reports what an operator should know: a listener that stopped accepting, an endpoint that changed its health. May be nil.
	Logf func(format string, args ...any)
}

// DefaultOptions returns the options that an Engine uses where nothing is set.
func DefaultOptions() Options { return Options{}.withDefaults() }

// withDefaults returns o with its zero fields filled in.
func (o Options) withDefaults() Options {
	defaults(&o.MaxHead, 64<<10)
	o.MaxHead = max(o.MaxHead, 1<<10)
	defaults(&o.MaxLine, 16<<10)
	defaults(&o.MaxFields, 128)
	defaults(&o.MaxBody, 1<<40)
	defaults(&o.MaxTrailers, 8<<10)
	defaults(&o.MaxExtensions, 16<<10)
	defaults(&o.MaxPipelined, 1_000_000)
	defaults(&o.HeadTimeout, 10*time.Second)
	defaults(&o.IdleTimeout, 75*time.Second)
	defaults(&o.ClientLifetime, -1)
	defaults(&o.BodyTimeout, 30*time.Second)
	defaults(&o.BodyRate, 240)
	defaults(&o.WriteTimeout, 30*time.Second)
	defaults(&o.MaxConnections, 100_000)
	defaults(&o.DrainTimeout, 30*time.Second)
	defaults(&o.TunnelIdle, time.Hour)
	defaults(&o.UDPIdle, time.Minute)
	defaults(&o.MaxSessions, 65_536)
	defaults(&o.DialTimeout, 3*time.Second)
	defaults(&o.ResponseTimeout, time.Minute)
	defaults(&o.StreamTimeout, 5*time.Minute)
	defaults(&o.UpstreamIdle, 30*time.Second)
	defaults(&o.UpstreamLifetime, 10*time.Minute)
	defaults(&o.UpstreamSpares, 512)
	defaults(&o.QueueTimeout, time.Second)
	defaults(&o.MaxTries, 3)
	defaults(&o.Eject, 2*time.Second)
	defaults(&o.MirrorTimeout, 15*time.Second)
	defaults(&o.MirrorBuffer, 128<<10)
	o.MirrorBuffer = max(o.MirrorBuffer, 64<<10)
	defaults(&o.MaxMirrors, 256)
	defaults(&o.MaxStreams, 128)
	defaults(&o.MaxResetRate, 100)
	defaults(&o.MaxFrameBytes, 16<<10)
	defaults(&o.AccessEvery, 1)
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	return o
}

// with returns o with what l says in its place, and o itself where that is nothing.
func (o *Options) with(l *Limitations) *Options {
	if l == nil {
		return o
	}
	own := *o
	replaces(&own.MaxHead, max(l.MaxHead, 0))
	if own.MaxHead >= 0 {
		own.MaxHead = max(own.MaxHead, 1<<10)
	}
	replaces(&own.MaxLine, max(l.MaxLine, 0))
	replaces(&own.MaxFields, max(l.MaxFields, 0))
	replaces(&own.HeadTimeout, l.HeadTimeout)
	replaces(&own.IdleTimeout, l.IdleTimeout)
	replaces(&own.ResponseTimeout, l.ResponseTimeout)
	replaces(&own.StreamTimeout, l.StreamTimeout)
	replaces(&own.ClientLifetime, l.ClientLifetime)
	replaces(&own.TunnelIdle, l.TunnelIdle)
	replaces(&own.UDPIdle, l.UDPIdle)
	return &own
}

// replaces sets field to value unless that is zero.
func replaces[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

func defaults[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
