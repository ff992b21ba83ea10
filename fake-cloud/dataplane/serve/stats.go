package serve

import "github.com/cloudgate-dev/cloudgate/pkg/proxy"

// AddStats adds what one engine counted to a sum.
func AddStats(sum *proxy.Stats, s proxy.Stats) {
	sum.Opened += s.Opened
	sum.Closed += s.Closed
	sum.Requests += s.Requests
	for i := range sum.Status {
		sum.Status[i] += s.Status[i]
	}
	sum.Retries += s.Retries
	sum.Mirrored += s.Mirrored
	sum.MirrorsLost += s.MirrorsLost
	sum.Malformed += s.Malformed
	sum.TimedOut += s.TimedOut
	sum.BytesIn += s.BytesIn
	sum.BytesOut += s.BytesOut
	sum.Faults += s.Faults
	sum.LogDropped += s.LogDropped
}
