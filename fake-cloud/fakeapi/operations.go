package fakeapi

import (
	"net/http"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// Classes of calls for the throttle.
const (
	classRead    = "read"
	classWrite   = "write"
	classMembers = "members"
)

// Classes are the names that a throttle may have rates for.
var Classes = []string{classRead, classWrite, classMembers}

// operations are all calls of /v1.
func (a *API) operations() []op {
	var ops []op
	ops = append(ops, operationsOf(a, a.loadBalancers())...)
	ops = append(ops, operationsOf(a, a.listeners())...)
	ops = append(ops, operationsOf(a, a.rules())...)
	ops = append(ops, operationsOf(a, a.pools())...)
	ops = append(ops, operationsOf(a, a.certificates())...)
	return append(ops,
		op{"UpdateMembers", http.MethodPost, "/v1/pools/{id}/members", classMembers, true, a.updateMembers},
		op{"ListMembers", http.MethodGet, "/v1/pools/{id}/members", classRead, false, a.listMembers},
	)
}

func (a *API) loadBalancers() resource[loadBalancerInput, world.LoadBalancer] {
	return resource[loadBalancerInput, world.LoadBalancer]{
		one: "LoadBalancer", many: "LoadBalancers", path: "/v1/loadbalancers",
		get: a.world.LoadBalancer, list: a.world.LoadBalancers, remove: a.world.DeleteLoadBalancer,
		create: func(_ string, w loadBalancerInput) (world.LoadBalancer, error) {
			return a.world.CreateLoadBalancer(w.world(), w.spec())
		},
		update: func(id string, revision uint64, w loadBalancerInput) (world.LoadBalancer, error) {
			return a.world.UpdateLoadBalancer(id, revision, w.world(), w.spec())
		},
		input: func(v world.LoadBalancer) loadBalancerInput {
			w := loadBalancerInput{naming: namingOf(v.Meta), Scheme: v.Scheme}
			for _, ip := range v.Addresses {
				w.Addresses = append(w.Addresses, ip.String())
			}
			return w
		},
		meta:  func(v world.LoadBalancer) world.Meta { return v.Meta },
		check: (*checker).loadBalancer,
	}
}

func (a *API) listeners() resource[listenerInput, world.Listener] {
	return resource[listenerInput, world.Listener]{
		one: "Listener", many: "Listeners", path: "/v1/listeners", in: "/v1/loadbalancers", collection: "listeners",
		get: a.world.Listener, list: a.world.Listeners, remove: a.world.DeleteListener,
		create: func(in string, w listenerInput) (world.Listener, error) {
			return a.world.CreateListener(in, w.world(), w.spec())
		},
		update: func(id string, revision uint64, w listenerInput) (world.Listener, error) {
			return a.world.UpdateListener(id, revision, w.world(), w.spec())
		},
		input: func(v world.Listener) listenerInput {
			return listenerInput{naming: namingOf(v.Meta), Port: int(v.Port), Protocol: v.Protocol, Servers: v.Servers, Clients: v.Clients}
		},
		meta:  func(v world.Listener) world.Meta { return v.Meta },
		check: (*checker).listener,
	}
}

func (a *API) rules() resource[ruleInput, world.Rule] {
	return resource[ruleInput, world.Rule]{
		one: "Rule", many: "Rules", path: "/v1/rules", in: "/v1/listeners", collection: "rules",
		get: a.world.Rule, list: a.world.Rules, remove: a.world.DeleteRule,
		create: func(in string, w ruleInput) (world.Rule, error) {
			return a.world.CreateRule(in, w.world(), w.RuleSpec)
		},
		update: func(id string, revision uint64, w ruleInput) (world.Rule, error) {
			return a.world.UpdateRule(id, revision, w.world(), w.RuleSpec)
		},
		input: func(v world.Rule) ruleInput { return ruleInput{naming: namingOf(v.Meta), RuleSpec: v.RuleSpec} },
		meta:  func(v world.Rule) world.Meta { return v.Meta },
		check: a.checkRule,
	}
}

func (a *API) checkRule(c *checker, w ruleInput) {
	c.rule(w)
	if a.cfg.CheckRule == nil || len(c.problems) > 0 {
		return
	}
	if err := a.cfg.CheckRule(&w.RuleSpec); err != nil {
		c.say("matches", "%v", err)
	}
}

func (a *API) pools() resource[poolInput, world.Pool] {
	return resource[poolInput, world.Pool]{
		one: "Pool", many: "Pools", path: "/v1/pools",
		get: a.world.Pool, list: a.world.Pools, remove: a.world.DeletePool,
		create: func(_ string, w poolInput) (world.Pool, error) {
			var none checker // the members have been checked
			return a.world.CreatePool(w.world(), w.spec(), none.members("members", w.Members))
		},
		update: func(id string, revision uint64, w poolInput) (world.Pool, error) {
			return a.world.UpdatePool(id, revision, w.world(), w.spec())
		},
		input: func(v world.Pool) poolInput {
			return poolInput{
				naming: namingOf(v.Meta), Protocol: v.Protocol, Algorithm: v.Algorithm, TLS: v.TLS, HealthCheck: v.HealthCheck,
				Session: v.Session, RetryBudget: v.RetryBudget, Limits: v.Limits,
			}
		},
		meta:  func(v world.Pool) world.Meta { return v.Meta },
		check: (*checker).pool,
		patchable: func(c *checker, w poolInput) {
			if w.Members != nil {
				c.say("members", "they are changed by POST /v1/pools/{id}/members")
			}
		},
	}
}

func (a *API) certificates() resource[certificateInput, world.Certificate] {
	return resource[certificateInput, world.Certificate]{
		one: "Certificate", many: "Certificates", path: "/v1/certificates",
		get: a.world.Certificate, list: a.world.Certificates, remove: a.world.DeleteCertificate,
		create: func(_ string, w certificateInput) (world.Certificate, error) {
			return a.world.CreateCertificate(w.world(), world.CertificateSpec{ChainPEM: w.ChainPEM, KeyPEM: world.Secret(w.KeyPEM)})
		},
		update: func(id string, revision uint64, w certificateInput) (world.Certificate, error) {
			return a.world.UpdateCertificate(id, revision, w.world())
		},
		input: func(v world.Certificate) certificateInput { return certificateInput{naming: namingOf(v.Meta)} },
		meta:  func(v world.Certificate) world.Meta { return v.Meta },
		check: func(c *checker, w certificateInput) { c.naming(w.naming) },
		patchable: func(c *checker, w certificateInput) {
			if w.ChainPEM != "" || w.KeyPEM != "" {
				c.say("chainPEM, keyPEM", "a certificate cannot be changed: make another")
			}
		},
	}
}
