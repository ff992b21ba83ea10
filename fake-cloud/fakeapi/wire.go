package fakeapi

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// What clients send. The parts that look alike on the wire and in the world are the world's own types.

type naming struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

func (n naming) world() world.Naming { return world.Naming{Name: n.Name, Labels: n.Labels} }

func namingOf(m world.Meta) naming { return naming{Name: m.Name, Labels: m.Labels} }

type loadBalancerInput struct {
	naming
	Scheme    world.Scheme `json:"scheme"`
	Addresses []string     `json:"addresses,omitempty"`
}

type listenerInput struct {
	naming
	Port     int                     `json:"port"`
	Protocol world.Protocol          `json:"protocol"`
	Servers  []world.Server          `json:"servers,omitempty"`
	Clients  *world.ClientValidation `json:"clients,omitempty"`
}

type ruleInput struct {
	naming
	world.RuleSpec
}

type poolInput struct {
	naming
	Protocol    world.PoolProtocol `json:"protocol"`
	Algorithm   world.Algorithm    `json:"algorithm,omitempty"`
	TLS         *world.PoolTLS     `json:"tls,omitempty"`
	HealthCheck *world.HealthCheck `json:"healthCheck,omitempty"`
	Session     *world.Session     `json:"session,omitempty"`
	RetryBudget *world.RetryBudget `json:"retryBudget,omitempty"`
	Limits      *world.Limits      `json:"limits,omitempty"`
	Members     []memberInput      `json:"members,omitempty"`
}

type memberInput struct {
	Address  string `json:"address"`
	Port     int    `json:"port"`
	Weight   *int64 `json:"weight,omitempty"`
	Draining bool   `json:"draining,omitempty"`
}

type certificateInput struct {
	naming
	ChainPEM string `json:"chainPEM,omitempty"`
	KeyPEM   string `json:"keyPEM,omitempty"`
}

type membersInput struct {
	Add    []memberInput    `json:"add,omitempty"`
	Remove []memberRefInput `json:"remove,omitempty"`
}

type memberRefInput struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// What clients get.

type meta struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	ETag        string            `json:"etag"`
	CreatedAt   time.Time         `json:"createdAt"`
	State       world.State       `json:"state"`
	StateReason string            `json:"stateReason,omitempty"`
}

type loadBalancer struct {
	meta
	Scheme    world.Scheme `json:"scheme"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	IPs       []netip.Addr `json:"ips"`
	DNSName   string       `json:"dnsName"`
}

type listener struct {
	meta
	LoadBalancer string                  `json:"loadBalancer"`
	Port         uint16                  `json:"port"`
	Protocol     world.Protocol          `json:"protocol"`
	Servers      []world.Server          `json:"servers"`
	Clients      *world.ClientValidation `json:"clients,omitempty"`
	Endpoint     string                  `json:"endpoint,omitempty"`
	Endpoints    []string                `json:"endpoints,omitempty"`
}

type rule struct {
	meta
	Listener     string `json:"listener"`
	LoadBalancer string `json:"loadBalancer"`
	world.RuleSpec
}

type pool struct {
	meta
	Protocol    world.PoolProtocol `json:"protocol"`
	Algorithm   world.Algorithm    `json:"algorithm"`
	TLS         *world.PoolTLS     `json:"tls,omitempty"`
	HealthCheck *world.HealthCheck `json:"healthCheck,omitempty"`
	Session     *world.Session     `json:"session,omitempty"`
	RetryBudget *world.RetryBudget `json:"retryBudget,omitempty"`
	Limits      *world.Limits      `json:"limits,omitempty"`
	Members     []world.Member     `json:"members"`
}

type certificate struct {
	meta
	ChainPEM    string    `json:"chainPEM"`
	Fingerprint string    `json:"fingerprint"`
	NotAfter    time.Time `json:"notAfter"`
	DNSNames    []string  `json:"dnsNames"`
}

type memberStatus struct {
	world.Member
	Health string `json:"health"`
	Reason string `json:"reason,omitempty"`
}

type page struct {
	Items         any    `json:"items"`
	NextPageToken string `json:"nextPageToken,omitempty"`
}

func showMeta(m world.Meta) meta {
	labels := m.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return meta{
		ID: m.ID, Name: m.Name, Labels: labels, ETag: etag(m), CreatedAt: m.CreatedAt, State: m.State, StateReason: m.Reason,
	}
}

// show encodes a resource of the world. It is the only place that does, and leaves out keys.
func (a *API) show(resource any) any {
	switch r := resource.(type) {
	case world.LoadBalancer:
		return loadBalancer{meta: showMeta(r.Meta), Scheme: r.Scheme, Addresses: r.Addresses, IPs: r.IPs, DNSName: a.world.DNSName(r.ID)}
	case world.Listener:
		return showListener(r)
	case world.Rule:
		return rule{meta: showMeta(r.Meta), Listener: r.Listener, LoadBalancer: r.LoadBalancer, RuleSpec: r.RuleSpec}
	case world.Pool:
		return pool{
			meta: showMeta(r.Meta), Protocol: r.Protocol, Algorithm: r.Algorithm, TLS: r.TLS, HealthCheck: r.HealthCheck,
			Session: r.Session, RetryBudget: r.RetryBudget, Limits: r.Limits, Members: orEmpty(r.Members),
		}
	case world.Certificate:
		return certificate{
			meta: showMeta(r.Meta), ChainPEM: r.ChainPEM, Fingerprint: r.Fingerprint, NotAfter: r.NotAfter, DNSNames: orEmpty(r.DNSNames),
		}
	}
	panic(fmt.Sprintf("fakeapi: %T is not a resource", resource))
}

func showListener(r world.Listener) listener {
	shown := listener{
		meta: showMeta(r.Meta), LoadBalancer: r.LoadBalancer, Port: r.Port, Protocol: r.Protocol, Servers: orEmpty(r.Servers),
		Clients: r.Clients,
	}
	for _, e := range r.Endpoints {
		shown.Endpoints = append(shown.Endpoints, e.Bound.String())
	}
	if len(shown.Endpoints) > 0 {
		shown.Endpoint = shown.Endpoints[0]
	}
	return shown
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// etag changes when what a client says of a resource does. The lifecycle does not change it.
func etag(m world.Meta) string {
	return strconv.FormatUint(m.Seq, 36) + "-" + strconv.FormatUint(m.Revision, 36)
}

// matches says whether an If-Match header names the resource as it is now.
func matches(ifMatch string, m world.Meta) bool {
	for _, tag := range strings.Split(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.Trim(tag, `"`) == etag(m) {
			return true
		}
	}
	return false
}
