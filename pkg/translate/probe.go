package translate

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Probe is a readiness probe of a pod that a load balancer can make as well.
type Probe struct {
	Port   uint16
	Health ir.HealthCheck
}

// Probes returns the readiness probes of a pod that a load balancer can make: a TCP connection, or a GET over HTTP, at a port of the pod, that
// names neither a host nor header fields.
func Probes(pod *corev1.Pod) []Probe {
	var out []Probe
	for i := range pod.Spec.Containers {
		if probe, ok := readProbe(&pod.Spec.Containers[i]); ok {
			out = append(out, probe)
		}
	}
	return out
}

func readProbe(c *corev1.Container) (Probe, bool) {
	p := c.ReadinessProbe
	if p == nil {
		return Probe{}, false
	}
	out := Probe{Health: ir.HealthCheck{
		Interval:           probeSeconds(p.PeriodSeconds, 10, healthInterval),
		Timeout:            probeSeconds(p.TimeoutSeconds, 1, healthTimeout),
		HealthyThreshold:   probeThreshold(p.SuccessThreshold, 1),
		UnhealthyThreshold: probeThreshold(p.FailureThreshold, 3),
	}}
	switch get, socket := p.HTTPGet, p.TCPSocket; {
	case get != nil && get.Host == "" && len(get.HTTPHeaders) == 0 && cmp.Or(get.Scheme, corev1.URISchemeHTTP) == corev1.URISchemeHTTP:
		out.Health.Kind, out.Health.Path = ir.HealthHTTP, cmp.Or(get.Path, "/")
		out.Port = probePort(c, get.Port)
	case socket != nil && socket.Host == "":
		out.Port = probePort(c, socket.Port)
	}
	fine := out.Port != 0 && len(out.Health.Path) <= maxHealthPath && (out.Health.Kind == ir.HealthTCP || healthPath.MatchString(out.Health.Path))
	return out, fine
}

// probePort returns the number of a port of a container, and 0 where it is none.
func probePort(c *corev1.Container, port intstr.IntOrString) uint16 {
	number := port.IntVal
	if port.Type == intstr.String {
		number = 0
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				number = p.ContainerPort
			}
		}
	}
	if number < 1 || number > 65535 {
		return 0
	}
	return uint16(number)
}

// probeSeconds reads a time of a probe, within what a check of health can be. The API server fills in what unset stands for.
func probeSeconds(seconds, unset int32, s span) time.Duration {
	return min(max(time.Duration(cmp.Or(seconds, unset))*time.Second, s.least), s.most)
}

func probeThreshold(n, unset int32) uint8 {
	return uint8(min(max(int(cmp.Or(n, unset)), healthThreshold.least), healthThreshold.most))
}

// probed returns the check of health that the pods behind a pool have as their readiness probe, at the very port that requests go to; nil where
// there is none, or where it would not be understood as it is meant.
func (t *translation) probed(key poolKey, pool *ir.Pool) *ir.HealthCheck {
	if t.params.TargetType == v1alpha1.TargetTypeNodePort || pool.Protocol == ir.PoolUDP || len(pool.Targets) == 0 ||
		t.s.Features.Of(ir.FeatureHealthCheck).Grade != ir.Exact {
		return nil
	}
	for _, probe := range t.s.Probes[key.service] {
		elsewhere := slices.ContainsFunc(pool.Targets, func(target ir.Target) bool { return target.Port != probe.Port })
		plain := pool.TLS == nil && pool.Protocol != ir.PoolHTTP2 // the pod is asked over HTTP/1.1
		if !elsewhere && (plain || probe.Health.Kind == ir.HealthTCP) {
			health := probe.Health
			health.Asked = ir.HealthByProbe
			return &health
		}
	}
	return nil
}
