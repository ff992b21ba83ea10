package aws

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
)

// View is a region as those see it who carry its traffic. Nothing in it is ever changed: another View shares what is the same, so
// that equal pointers are equal contents.
type View struct {
	Region        string
	Version       uint64 // grows with every change
	LoadBalancers []*LoadBalancerView
	TargetGroups  map[string]*TargetGroupView // by ARN
	Certificates  map[string]*Certificate     // by ARN
	TrustStores   map[string]*TrustStore      // by ARN
	Instances     map[string]*Instance        // by id
	WebACLs       map[string]string           // ARN of the web ACL, by the resource's
}

// LoadBalancerView is a load balancer with all that it has.
type LoadBalancerView struct {
	*LoadBalancer
	Addresses []netip.Addr    // on which it answers, one for each zone
	Listeners []*ListenerView // by port, then protocol
	Ingress   *Ingress        // nil where everybody may connect
}

// ListenerView is a listener with its rules. What no rule matches gets the listener's Actions.
type ListenerView struct {
	*Listener
	Rules []*Rule // by priority, without the default one
}

// TargetGroupView is a target group with its targets.
type TargetGroupView struct {
	*TargetGroup
	Targets       []*Target // oldest first, also those that are draining
	LoadBalancers []string  // ARNs of those that use it
}

// View returns the region as it is.
func (r *Region) View() *View {
	r.cloud.mu.Lock()
	defer r.cloud.mu.Unlock()
	if r.view != nil && r.view.Version == r.version {
		return r.view
	}
	last := r.view
	if last == nil {
		last = &View{}
	}
	v := &View{
		Region: r.name, Version: r.version, TargetGroups: make(map[string]*TargetGroupView, len(r.targetGroups.rows)),
		Certificates: make(map[string]*Certificate, len(r.certificates.rows)), TrustStores: make(map[string]*TrustStore, len(r.trustStores.rows)),
		Instances: make(map[string]*Instance, len(r.instances.rows)), WebACLs: map[string]string{},
	}
	old := make(map[string]*LoadBalancerView, len(last.LoadBalancers))
	for _, lb := range last.LoadBalancers {
		old[lb.Key] = lb
	}
	known := members{}
	for _, lb := range r.loadBalancers.all() {
		v.LoadBalancers = append(v.LoadBalancers, r.viewLoadBalancer(lb, old[lb.Key], known))
	}
	for _, g := range r.targetGroups.all() {
		v.TargetGroups[g.Key] = r.viewTargetGroup(g, last.TargetGroups[g.Key])
	}
	for _, c := range r.certificates.all() {
		v.Certificates[c.Key] = c
	}
	for _, s := range r.trustStores.all() {
		v.TrustStores[s.Key] = s
	}
	for _, i := range r.instances.all() {
		v.Instances[i.Key] = i
	}
	for _, a := range r.associations.all() {
		if a.Kind == "webacl" {
			v.WebACLs[a.Resource] = a.Target
		}
	}
	r.view = v
	return v
}

// viewLoadBalancer returns what old is, where nothing of it has changed. The lock is held.
func (r *Region) viewLoadBalancer(lb *LoadBalancer, old *LoadBalancerView, known members) *LoadBalancerView {
	v := &LoadBalancerView{LoadBalancer: lb}
	for _, z := range lb.Zones {
		v.Addresses = append(v.Addresses, z.Address)
	}
	was := map[string]*ListenerView{}
	var let *Ingress
	if old != nil {
		let = old.Ingress
		for _, l := range old.Listeners {
			was[l.Key] = l
		}
	}
	for _, l := range r.elbListeners.of(lb.Key) {
		v.Listeners = append(v.Listeners, r.viewListener(l, was[l.Key]))
	}
	slices.SortFunc(v.Listeners, func(a, b *ListenerView) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	v.Ingress = r.viewIngress(lb, let, known)
	if old != nil && old.LoadBalancer == lb && old.Ingress == v.Ingress && slices.Equal(old.Listeners, v.Listeners) {
		return old
	}
	return v
}

func (r *Region) viewListener(l *Listener, old *ListenerView) *ListenerView {
	rules := slices.SortedFunc(slices.Values(r.rules.of(l.Key)), func(a, b *Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	if old != nil && old.Listener == l && slices.Equal(old.Rules, rules) {
		return old
	}
	return &ListenerView{Listener: l, Rules: rules}
}

func (r *Region) viewTargetGroup(g *TargetGroup, old *TargetGroupView) *TargetGroupView {
	targets, users := r.targets.of(g.Key), r.loadBalancersOf(g.Key)
	if old != nil && old.TargetGroup == g && slices.Equal(old.Targets, targets) && slices.Equal(old.LoadBalancers, users) {
		return old
	}
	return &TargetGroupView{TargetGroup: g, Targets: slices.Clone(targets), LoadBalancers: users}
}

// loadBalancersOf returns the ARNs of the load balancers whose listeners and rules forward to the target group. The lock is held.
func (r *Region) loadBalancersOf(targetGroup string) []string {
	var arns []string
	for user := range r.users[targetGroup] {
		if rule, ok := r.rules.get(user); ok {
			user = rule.Listener
		}
		if l, ok := r.elbListeners.get(user); ok && !slices.Contains(arns, l.LoadBalancer) {
			arns = append(arns, l.LoadBalancer)
		}
	}
	slices.Sort(arns)
	return arns
}

// touched notes that a row came, changed or goes. The lock is held.
func (r *Region) touched(row) { r.version++ }

// watch is one follower.
type watch struct {
	signal chan struct{}
	quit   chan struct{}
	once   sync.Once
}

func (w *watch) stop() { w.once.Do(func() { close(w.quit) }) }

// Watch calls f on its own goroutine once at first and then whenever something has changed since it was last called; changes that
// come while f runs are taken together. stop ends it, and does not wait for a call that is under way.
func (c *Cloud) Watch(f func()) (stop func()) {
	w := &watch{signal: make(chan struct{}, 1), quit: make(chan struct{})}
	w.signal <- struct{}{}
	c.followers.Lock()
	c.watches = append(c.watches, w)
	c.followers.Unlock()
	go func() {
		for {
			select {
			case <-w.quit:
				return
			case <-w.signal:
				f()
			}
		}
	}()
	return func() {
		w.stop()
		c.followers.Lock()
		defer c.followers.Unlock()
		c.watches = slices.DeleteFunc(c.watches, func(other *watch) bool { return other == w })
	}
}

// notify tells the followers that something has changed.
func (c *Cloud) notify() {
	c.followers.Lock()
	defer c.followers.Unlock()
	for _, w := range c.watches {
		select {
		case w.signal <- struct{}{}:
		default:
		}
	}
}

// unwatch ends all following.
func (c *Cloud) unwatch() {
	c.followers.Lock()
	defer c.followers.Unlock()
	for _, w := range c.watches {
		w.stop()
	}
	c.watches = nil
}
