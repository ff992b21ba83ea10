package aws

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// A wanted spec is compared with an observed one in what the wanted one says something about: seen puts into the observed one what does
// not matter as it is wanted, so that what is left differs.

// Equal implements graph.Spec.
func (w *SecurityGroup) Equal(got graph.Spec) bool { return equal(w, got) }

// Equal implements graph.Spec.
func (w *NodeAccess) Equal(got graph.Spec) bool { return equal(w, got) }

// Equal implements graph.Spec. Only tags are compared: the content is in the name, and ACM never returns a key.
func (w *Certificate) Equal(got graph.Spec) bool { return equal(w, got) }

// Equal implements graph.Spec.
func (w *LoadBalancer) Equal(got graph.Spec) bool { return equal(w, got) }

// Equal implements graph.Spec.
func (w *Listener) Equal(got graph.Spec) bool { return equal(w, got) }

// Equal implements graph.Spec.
func (w *Rule) Equal(got graph.Spec) bool { return equal(w, got) }

// Equal implements graph.Spec.
func (w *TargetGroup) Equal(got graph.Spec) bool { return equal(w, got) }

// comparable specs can be seen as another one wants them.
type comparableSpec[T any] interface {
	*T
	// content returns a copy without what is no content.
	content() *T
	// seen returns a copy of got as far as it matters to the receiver.
	seen(got *T) *T
}

func equal[T any, P comparableSpec[T]](want P, got graph.Spec) bool {
	g, ok := got.(P)
	return ok && reflect.DeepEqual(want.content(), want.seen(P(g.content())))
}

func (m Marked) content() Marked { return Marked{Tags: orNil(m.Tags)} }

func orNil(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}

func (w *SecurityGroup) content() *SecurityGroup {
	c := *w
	c.Marked = w.Marked.content()
	c.Ingress = slices.Compact(sortedBy(w.Ingress, Ingress.compare))
	return &c
}

func (w *SecurityGroup) seen(got *SecurityGroup) *SecurityGroup { return got }

func (i Ingress) compare(o Ingress) int {
	return cmp.Or(cmp.Compare(i.Protocol, o.Protocol), cmp.Compare(i.Port, o.Port), cmp.Compare(i.CIDR, o.CIDR))
}

func (w *NodeAccess) content() *NodeAccess {
	c := *w
	c.Marked = w.Marked.content()
	c.Groups = slices.Compact(sortedBy(w.Groups, strings.Compare))
	c.Sources = slices.Compact(sortedBy(w.Sources, strings.Compare))
	c.Ports = slices.Compact(sortedBy(w.Ports, PortRange.compare))
	return &c
}

// seen takes the groups that were found for a cluster as they are: they are looked for again only when something else has to be done.
func (w *NodeAccess) seen(got *NodeAccess) *NodeAccess {
	if w.Cluster != "" && len(got.Groups) > 0 {
		got.Groups, got.Cluster = w.content().Groups, w.Cluster
	}
	return got
}

func (p PortRange) compare(o PortRange) int {
	return cmp.Or(cmp.Compare(p.Protocol, o.Protocol), cmp.Compare(p.From, o.From), cmp.Compare(p.To, o.To))
}

func (w *Certificate) content() *Certificate { return &Certificate{Marked: w.Marked.content()} }

func (w *Certificate) seen(got *Certificate) *Certificate { return got }

func (w *LoadBalancer) content() *LoadBalancer {
	c := *w
	c.Marked = w.Marked.content()
	c.SecurityGroups = slices.Compact(sortedBy(w.SecurityGroups, strings.Compare))
	c.Subnets = Subnets{IDs: slices.Compact(sortedBy(w.Subnets.IDs, strings.Compare))}
	c.Attributes = orNil(w.Attributes)
	return &c
}

func (w *LoadBalancer) seen(got *LoadBalancer) *LoadBalancer {
	if len(w.Subnets.IDs) == 0 {
		got.Subnets = Subnets{}
	}
	got.Attributes = chosen(got.Attributes, w.Attributes)
	return got
}

// chosen returns of got what want says something about.
func chosen(got, want map[string]string) map[string]string {
	out := maps.Clone(got)
	maps.DeleteFunc(out, func(key, _ string) bool { _, asked := want[key]; return !asked })
	return orNil(out)
}

func (w *Listener) content() *Listener {
	c := *w
	c.Marked = w.Marked.content()
	c.Certificates = slices.Clone(w.Certificates)
	c.Default = w.Default.content()
	c.Attributes = orNil(w.Attributes)
	if c.ALPN == alpnNone {
		c.ALPN = ""
	}
	return &c
}

// alpnNone is how AWS says that there is no ALPN.
const alpnNone = "None"

func (w *Listener) seen(got *Listener) *Listener {
	if certificatesFit(w.Certificates, got.Certificates) {
		got.Certificates = w.content().Certificates
	}
	if w.SSLPolicy == "" {
		got.SSLPolicy = ""
	}
	got.Attributes = chosen(got.Attributes, w.Attributes)
	return got
}

// certificatesFit tells whether the certificates that a listener has are those that it should have: the first the first, each of the
// others one of the others. One that is for several hostnames can be the choice for all of them.
func certificatesFit(want, got []CertificateChoice) bool {
	if len(want) == 0 || len(got) == 0 {
		return len(want) == len(got)
	}
	return want[0].fits(got[0]) &&
		!slices.ContainsFunc(want, func(w CertificateChoice) bool { return !slices.ContainsFunc(got, w.fits) }) &&
		!slices.ContainsFunc(got, func(g CertificateChoice) bool {
			return !slices.ContainsFunc(want, func(w CertificateChoice) bool { return w.fits(g) })
		})
}

// fits tells whether an observed certificate is what is chosen.
func (w CertificateChoice) fits(got CertificateChoice) bool {
	switch {
	case w.Node != "":
		return got.Node == w.Node
	case w.ARN != "":
		return got.ARN == w.ARN
	default:
		return got.Node == "" && slices.ContainsFunc(got.Covers, func(name string) bool { return covers(name, w.Hostname) })
	}
}

// covers tells whether a name in a certificate is for a hostname: itself, or with a wildcard for exactly one label, as RFC 6125 reads it.
// A hostname with a wildcard is covered by the same wildcard alone.
func covers(name, hostname string) bool {
	name, hostname = strings.ToLower(name), strings.ToLower(hostname)
	if name == hostname {
		return true
	}
	parent, wild := strings.CutPrefix(name, "*.")
	label, rest, dotted := strings.Cut(hostname, ".")
	return wild && dotted && label != "*" && label != "" && rest == parent
}

func (w *Rule) content() *Rule {
	c := *w
	c.Marked = w.Marked.content()
	c.Rank = ""
	c.Conditions = slices.Clone(w.Conditions)
	c.Action = w.Action.content()
	return &c
}

func (w *Rule) seen(got *Rule) *Rule {
	if w.Priority == 0 {
		got.Priority = 0
	}
	return got
}

// content leaves out the weight of a single target group, which AWS does not keep apart from others.
func (a Action) content() Action {
	if a.Forward != nil && len(a.Forward.TargetGroups) == 1 {
		f := *a.Forward
		f.TargetGroups = []WeightedTargetGroup{{TargetGroup: f.TargetGroups[0].TargetGroup, Weight: 1}}
		a.Forward = &f
	}
	return a
}

func (w *TargetGroup) content() *TargetGroup {
	c := *w
	c.Marked = w.Marked.content()
	c.Attributes = orNil(w.Attributes)
	c.Targets = slices.Compact(sortedBy(w.Targets, Target.compare))
	return &c
}

func (w *TargetGroup) seen(got *TargetGroup) *TargetGroup {
	got.Attributes = chosen(got.Attributes, w.Attributes)
	return got
}

func (t Target) compare(o Target) int {
	return cmp.Or(cmp.Compare(t.ID, o.ID), cmp.Compare(t.Port, o.Port))
}

// sortedBy returns a sorted copy; nil for nothing.
func sortedBy[T any](list []T, compare func(a, b T) int) []T {
	if len(list) == 0 {
		return nil
	}
	out := slices.Clone(list)
	slices.SortFunc(out, compare)
	return out
}

// Fits implements graph.Dependent: a rule changes its own target groups; what changes of a listener does not matter to it. A target group
// is made with all that a rule needs of it.
func (w *Rule) Fits(graph.ID, graph.Spec) bool { return true }

// Fits implements graph.Dependent: a listener needs only that its load balancer, target groups and certificates are there.
func (w *Listener) Fits(graph.ID, graph.Spec) bool { return true }

// Fits implements graph.Dependent: a load balancer needs only that its security groups are there.
func (w *LoadBalancer) Fits(graph.ID, graph.Spec) bool { return true }

// Fits implements graph.Dependent: permissions need only that the groups they name are there.
func (w *NodeAccess) Fits(graph.ID, graph.Spec) bool { return true }
