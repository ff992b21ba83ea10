package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// addLimits adds a flag for each limit of the data path. They hold for each load balancer.
func (f *flags) addLimits(fs *pflag.FlagSet) {
	d := proxy.DefaultOptions()
	o := &f.proxy
	fs.StringSliceVar(&f.trustedProxies, "trusted-proxies", nil, "prefixes of clients whose X-Forwarded-* fields are continued; anyone else's are replaced")

	fs.IntVar(&o.MaxHead, "max-head-bytes", d.MaxHead, "of a request's line and fields together")
	fs.IntVar(&o.MaxLine, "max-line-bytes", d.MaxLine, "of the request line or of one field")
	fs.IntVar(&o.MaxFields, "max-fields", d.MaxFields, "fields of a request")
	fs.Int64Var(&o.MaxBody, "max-body-bytes", d.MaxBody, "of a request's body")
	fs.IntVar(&o.MaxTrailers, "max-trailer-bytes", d.MaxTrailers, "of a chunked body's trailers")
	fs.IntVar(&o.MaxExtensions, "max-chunk-extension-bytes", d.MaxExtensions, "of the chunk extensions in a body")
	fs.IntVar(&o.MaxPipelined, "max-requests-per-connection", d.MaxPipelined, "before an HTTP/1 connection is closed")
	fs.Uint32Var(&o.MaxStreams, "http2-max-streams", d.MaxStreams, "at once on a connection")
	fs.IntVar(&o.MaxResetRate, "http2-max-reset-rate", d.MaxResetRate, "streams that a client may reset per second and connection")
	fs.Uint32Var(&o.MaxFrameBytes, "http2-max-frame-bytes", d.MaxFrameBytes, "of a frame that is accepted")
	fs.IntVar(&o.MaxConnections, "max-connections", d.MaxConnections, "of clients; more wait in the kernel")
	fs.IntVar(&o.MaxSessions, "max-udp-sessions", d.MaxSessions, "of a listener; the longest silent gives way")

	fs.DurationVar(&o.HeadTimeout, "head-timeout", d.HeadTimeout, "for a request's head, and for a TLS handshake; negative: none, as for the other timeouts")
	fs.DurationVar(&o.IdleTimeout, "idle-timeout", d.IdleTimeout, "between the requests of a connection")
	fs.DurationVar(&o.ClientLifetime, "client-lifetime", d.ClientLifetime, "after which a client's connection gets no request more")
	fs.DurationVar(&o.BodyTimeout, "body-timeout", d.BodyTimeout, "for a request's body, beyond what it takes at --body-rate")
	fs.IntVar(&o.BodyRate, "body-rate", d.BodyRate, "bytes a second that a client has to send at least")
	fs.DurationVar(&o.WriteTimeout, "write-timeout", d.WriteTimeout, "for a client to take 64 KiB of a response")
	fs.DurationVar(&o.DrainTimeout, "drain-timeout", d.DrainTimeout, "how long the connections of a removed listener may go on")
	fs.DurationVar(&o.TunnelIdle, "tunnel-idle-timeout", d.TunnelIdle, "of silent WebSocket, TCP and TLS passthrough connections")
	fs.DurationVar(&o.UDPIdle, "udp-idle-timeout", d.UDPIdle, "of silent UDP sessions")
	fs.DurationVar(&o.DialTimeout, "dial-timeout", d.DialTimeout, "for a connection to an endpoint")
	fs.DurationVar(&o.ResponseTimeout, "response-timeout", d.ResponseTimeout, "for an endpoint to begin its response")
	fs.DurationVar(&o.StreamTimeout, "stream-timeout", d.StreamTimeout, "of silence within a response")
	fs.DurationVar(&o.UpstreamIdle, "upstream-idle-timeout", d.UpstreamIdle, "after which an unused connection to an endpoint is closed")
	fs.DurationVar(&o.UpstreamLifetime, "upstream-lifetime", d.UpstreamLifetime, "after which a connection to an endpoint is not used again")
	fs.IntVar(&o.UpstreamSpares, "upstream-spares", d.UpstreamSpares, "unused connections kept per endpoint")
	fs.DurationVar(&o.QueueTimeout, "queue-timeout", d.QueueTimeout, "for room at an endpoint that has as many connections as its pool allows")
	fs.IntVar(&o.MaxTries, "max-tries", d.MaxTries, "endpoints tried for one request when the earlier ones did not get it")
	fs.DurationVar(&o.MirrorTimeout, "mirror-timeout", d.MirrorTimeout, "for a mirror, once it has been sent the whole request")
	fs.IntVar(&o.MirrorBuffer, "mirror-buffer-bytes", d.MirrorBuffer, "of a request's body that wait for one mirror; at least 65536")
	fs.IntVar(&o.MaxMirrors, "max-mirrors", d.MaxMirrors, "mirrored requests of a pool at once; more are not sent")
}

// checkLimits refuses what an Engine would take for its default or for no limit at all. The error names the flag.
func (f *flags) checkLimits() error {
	o := &f.proxy
	var errs []error
	for _, l := range []struct {
		flag  string
		value int64
	}{
		{"max-head-bytes", int64(o.MaxHead)}, {"max-line-bytes", int64(o.MaxLine)}, {"max-fields", int64(o.MaxFields)},
		{"max-body-bytes", o.MaxBody}, {"max-trailer-bytes", int64(o.MaxTrailers)}, {"max-chunk-extension-bytes", int64(o.MaxExtensions)},
		{"max-requests-per-connection", int64(o.MaxPipelined)}, {"http2-max-streams", int64(o.MaxStreams)},
		{"http2-max-reset-rate", int64(o.MaxResetRate)}, {"http2-max-frame-bytes", int64(o.MaxFrameBytes)},
		{"max-connections", int64(o.MaxConnections)}, {"max-udp-sessions", int64(o.MaxSessions)}, {"body-rate", int64(o.BodyRate)},
		{"upstream-spares", int64(o.UpstreamSpares)}, {"max-tries", int64(o.MaxTries)},
		{"mirror-buffer-bytes", int64(o.MirrorBuffer)}, {"max-mirrors", int64(o.MaxMirrors)},
	} {
		if l.value < 1 {
			errs = append(errs, fmt.Errorf("--%s: %d is under 1", l.flag, l.value))
		}
	}
	for _, l := range []struct {
		flag  string
		value time.Duration
	}{
		{"head-timeout", o.HeadTimeout}, {"idle-timeout", o.IdleTimeout}, {"client-lifetime", o.ClientLifetime}, {"body-timeout", o.BodyTimeout}, {"write-timeout", o.WriteTimeout},
		{"drain-timeout", o.DrainTimeout}, {"tunnel-idle-timeout", o.TunnelIdle}, {"udp-idle-timeout", o.UDPIdle},
		{"dial-timeout", o.DialTimeout}, {"response-timeout", o.ResponseTimeout}, {"stream-timeout", o.StreamTimeout},
		{"upstream-idle-timeout", o.UpstreamIdle}, {"upstream-lifetime", o.UpstreamLifetime},
		{"queue-timeout", o.QueueTimeout}, {"mirror-timeout", o.MirrorTimeout},
	} {
		if l.value == 0 {
			errs = append(errs, fmt.Errorf("--%s: 0 is no time; give a negative one for no limit", l.flag))
		}
	}
	// RFC 9113, section 4.2.
	if o.MaxFrameBytes < 1<<14 || o.MaxFrameBytes > 1<<24-1 {
		errs = append(errs, fmt.Errorf("--http2-max-frame-bytes: %d is not within 16384 and 16777215", o.MaxFrameBytes))
	}
	return cmp.Or(errs...)
}

// parsePrefixes reads "10.0.0.0/8" and single addresses.
func parsePrefixes(values []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(values))
	for _, v := range values {
		if ip, err := netip.ParseAddr(v); err == nil {
			prefixes = append(prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a prefix such as 10.0.0.0/8", v)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}
