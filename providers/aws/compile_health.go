package aws

import (
	"fmt"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// healthCheck lowers a check of health to what AWS can do: not more often than each 5 seconds, not fewer than 2 answers. There always is
// one. Application Load Balancers know no check by connection: any answer to a GET shows that somebody listens.
func healthCheck(pool *ir.Pool, use targetGroupUse) HealthCheck {
	check := HealthCheck{Port: "traffic-port", Interval: 15, Timeout: 5, Healthy: 2, Unhealthy: 2}
	h := pool.Health
	if h != nil {
		check.Interval = seconds(h.Interval, 5, 300)
		check.Timeout = min(seconds(h.Timeout, 2, 120), check.Interval-1)
		check.Healthy, check.Unhealthy = threshold(h.HealthyThreshold), threshold(h.UnhealthyThreshold)
	}
	asked := h != nil && h.Kind == ir.HealthHTTP
	switch {
	case use.version == "" && !asked:
		check.Protocol = protocolTCP
		return check
	case use.version == "":
		check.Protocol = protocolHTTP
		if pool.TLS != nil {
			check.Protocol = protocolHTTPS
		}
	default:
		check.Protocol = use.protocol
	}
	switch {
	case use.version == versionGRPC: // a path would have to name a method; any status of gRPC shows that somebody listens
		check.Path, check.Matcher = "/AWS.ALB/healthcheck", "0-99"
	case asked:
		check.Path, check.Matcher = h.Path, "200-399"
	default:
		check.Path, check.Matcher = "/", "200-499"
	}
	return check
}

func seconds(d time.Duration, least, most int32) int32 {
	whole := (d + time.Second - 1) / time.Second
	return int32(min(max(whole, time.Duration(least)), time.Duration(most)))
}

func threshold(n uint8) int32 { return int32(min(max(n, 2), 10)) }

// noteHealth tells where endpoints are not checked as they should be. Of a readiness probe, which was not meant for AWS, the kind counts alone: the
// pods may not know an answer to another.
func (c *compiler) noteHealth(pool *ir.Pool, use targetGroupUse) {
	h := pool.Health
	if h == nil {
		if pool.Unchecked {
			c.refuse(pool.Source, cloud.Unsupported, "its endpoints are checked nevertheless: AWS checks every target")
		}
		return
	}
	if h.Asked == ir.HealthByNobody {
		return
	}
	does := healthCheck(pool, use)
	var changes []string
	change := func(is bool, format string, args ...any) {
		if is {
			changes = append(changes, fmt.Sprintf(format, args...))
		}
	}
	overHTTP := use.version == versionHTTP1 || use.version == versionHTTP2
	change(overHTTP && h.Kind == ir.HealthTCP, "by GET %s, which any status below 500 answers, in place of a connection", does.Path)
	change(use.version == versionGRPC && h.Kind == ir.HealthHTTP, "by a call of gRPC, which any status answers, in place of GET %s", h.Path)
	change(use.version == versionGRPC && h.Kind == ir.HealthTCP, "by a call of gRPC, which any status answers, in place of a connection")
	if h.Asked == ir.HealthByPolicy {
		interval, timeout := time.Duration(does.Interval)*time.Second, time.Duration(does.Timeout)*time.Second
		change(h.Interval != interval, "every %s in place of %s", interval, h.Interval)
		change(h.Timeout != timeout, "with a timeout of %s in place of %s", timeout, h.Timeout)
		change(int32(h.HealthyThreshold) != does.Healthy, "healthy after %d answers in place of %d", does.Healthy, h.HealthyThreshold)
		change(int32(h.UnhealthyThreshold) != does.Unhealthy, "unhealthy after %d failures in place of %d", does.Unhealthy, h.UnhealthyThreshold)
	}
	if len(changes) > 0 {
		c.refuse(pool.Source, cloud.Unsupported, "AWS checks its endpoints "+strings.Join(changes, ", "))
	}
}
