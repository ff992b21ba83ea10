package providertest

import "github.com/cloudgate-dev/cloudgate/pkg/ir"

// Change is an edit whose calls are counted.
type Change struct {
	Name     string
	From, To *ir.LoadBalancer
}

// Changes returns the edits that users make most.
func Changes() []Change {
	endpoints := shop(10)
	endpoints.Pools[1].Targets = []ir.Target{target(1), target(5), target(6), target(7)}
	drained := shop(10)
	drained.Pools[1].Targets[0].Draining = true
	newBackend := shop(10)
	newBackend.Pools = append(newBackend.Pools, pool("shop/z/80", 2))
	newBackend.Listeners[0].Servers[0].Rules = append(newBackend.Listeners[0].Servers[0].Rules, rule("z", 0, "/z", forward("shop/z/80")))
	header := shop(10)
	for i := range 2 {
		f := forward("shop/api/80", "shop/web/80")
		f.RequestHeaders.Set = []ir.Header{{Name: "X-Env", Value: "canary"}}
		header.Listeners[0].Servers[0].Rules[i].Action = f
	}
	listener := shop(10)
	listener.Listeners = append(listener.Listeners, ir.Listener{
		Port: 8080, Protocol: ir.ProtocolHTTP, Servers: []ir.Server{server("more", rule("more", 0, "/", forward("shop/web/80")))},
	})
	return []Change{
		{"no change", shop(10), shop(10)},
		{"add a route", shop(10), shop(11)},
		{"remove a route", shop(11), shop(10)},
		{"change weights", shop(10), withWeights(shop(10), 8, 2)},
		{"add a header", shop(10), header},
		{"endpoints change", shop(10), endpoints},
		{"an endpoint drains", shop(10), drained},
		{"a route to a new backend", shop(10), newBackend},
		{"add a listener", shop(10), listener},
		{"rotate a certificate", secure("first"), secure("second")},
		{"delete the Gateway", shop(10), nil},
	}
}
