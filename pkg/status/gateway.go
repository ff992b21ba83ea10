package status

import (
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// ConditionDrifted is true on a Gateway while resources in the cloud are not as Cloudgate left them, and absent otherwise.
const (
	ConditionDrifted = "cloudgate.dev/Drifted"
	ReasonDriftFound = "DriftFound"
)

// writer makes the statuses of one Snapshot.
type writer struct {
	s        *translate.Snapshot
	r        *translate.Report
	o        Outcome
	now      metav1.Time
	progress progress
	answers  bool // the load balancer has an address
}

func (w *writer) gateway() gwv1.GatewayStatus {
	gw, report := w.s.Gateway, &w.r.Gateway
	out := *gw.Status.DeepCopy()
	c := newConditions(gw.Status.Conditions, gw.Generation, w.now)
	c.set(string(gwv1.GatewayConditionAccepted), boolStatus(report.Accepted.OK), report.Accepted.Reason,
		verdictMessage(report.Accepted, "The Gateway is accepted."))
	setProgrammed(c, w.progress, w.answers, w.progress.message, w.progress.message)
	c.set(string(gwv1.GatewayConditionResolvedRefs), boolStatus(report.Resolved.OK), report.Resolved.Reason,
		verdictMessage(report.Resolved, "All references are resolved."))
	if report.InsecureClients {
		c.set(string(gwv1.GatewayConditionInsecureFrontendValidationMode), metav1.ConditionTrue, string(gwv1.GatewayReasonConfigurationChanged),
			"Clients are served without a certificate, or with one that is not valid: the mode is AllowInsecureFallback.")
	} else {
		c.drop(string(gwv1.GatewayConditionInsecureFrontendValidationMode))
	}
	if len(w.o.Drift) > 0 {
		c.set(ConditionDrifted, metav1.ConditionTrue, ReasonDriftFound,
			"Something else changed the cloud's resources, which is being repaired: "+list(w.o.Drift)+".")
	} else {
		c.drop(ConditionDrifted)
	}
	out.Conditions = c.list
	out.Addresses = w.addresses()
	out.Listeners = nil
	for _, l := range distinct(report.Listeners) {
		out.Listeners = append(out.Listeners, gwv1.ListenerStatus{
			Name: l.Name, SupportedKinds: l.SupportedKinds, AttachedRoutes: l.AttachedRoutes,
			Conditions: w.listener(l, existingListener(gw.Status.Listeners, l.Name), gw.Generation),
		})
	}
	attached := report.AttachedSets
	out.AttachedListenerSets = &attached
	if attached == 0 && gw.Spec.AllowedListeners == nil && gw.Status.AttachedListenerSets == nil {
		out.AttachedListenerSets = nil // nothing to count, and nobody asked
	}
	return out
}

// distinct returns the listeners without those whose name came before: a status has one entry for a name.
func distinct(listeners []translate.ListenerReport) []translate.ListenerReport {
	seen := map[gwv1.SectionName]bool{}
	return slices.DeleteFunc(slices.Clone(listeners), func(l translate.ListenerReport) bool {
		known := seen[l.Name]
		seen[l.Name] = true
		return known
	})
}

func existingListener(listeners []gwv1.ListenerStatus, name gwv1.SectionName) []metav1.Condition {
	for _, l := range listeners {
		if l.Name == name {
			return l.Conditions
		}
	}
	return nil
}

// addresses returns where the load balancer answers: its IP addresses, or its host names where it has none. A DNS controller makes of an IP address
// and a host name two records that exclude each other, so they are not mixed. What was known stays while the cloud cannot be asked.
func (w *writer) addresses() []gwv1.GatewayStatusAddress {
	if len(w.o.Addresses) == 0 {
		if w.o.done() && !w.r.Frozen() {
			return nil
		}
		return slices.Clone(w.s.Gateway.Status.Addresses)
	}
	var ips []netip.Addr
	var names []string
	for _, address := range w.o.Addresses {
		if ip, err := netip.ParseAddr(address); err == nil {
			ips = append(ips, ip.Unmap())
		} else {
			names = append(names, strings.TrimSuffix(address, "."))
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	slices.Sort(names)
	var out []gwv1.GatewayStatusAddress
	add := func(kind gwv1.AddressType, value string) {
		out = append(out, gwv1.GatewayStatusAddress{Type: &kind, Value: value})
	}
	for _, ip := range slices.Compact(ips) {
		add(gwv1.IPAddressType, ip.String())
	}
	if len(ips) == 0 {
		for _, name := range slices.Compact(names) {
			add(gwv1.HostnameAddressType, name)
		}
	}
	return out[:min(len(out), maxAddresses)]
}

// maxAddresses is how many addresses a Gateway's status can have.
const maxAddresses = 16

// listener returns the conditions of one listener.
func (w *writer) listener(l translate.ListenerReport, existing []metav1.Condition, generation int64) []metav1.Condition {
	c := newConditions(existing, generation, w.now)
	c.set(string(gwv1.ListenerConditionAccepted), boolStatus(l.Accepted.OK), l.Accepted.Reason, verdictMessage(l.Accepted, "The listener is accepted."))
	w.listenerProgrammed(c, l)
	c.set(string(gwv1.ListenerConditionResolvedRefs), boolStatus(l.Resolved.OK), l.Resolved.Reason,
		verdictMessage(l.Resolved, "All references are resolved."))
	c.set(string(gwv1.ListenerConditionConflicted), boolStatus(!l.Conflicted.OK), l.Conflicted.Reason,
		verdictMessage(l.Conflicted, "No other listener is in the way."))
	if l.OverlappingTLS.OK {
		c.drop(string(gwv1.ListenerConditionOverlappingTLSConfig))
	} else {
		c.set(string(gwv1.ListenerConditionOverlappingTLSConfig), metav1.ConditionTrue, l.OverlappingTLS.Reason, sentences(l.OverlappingTLS.Problems))
	}
	return c.list
}

func (w *writer) listenerProgrammed(c *conditions, l translate.ListenerReport) {
	fail := func(reason, message string) {
		c.set(string(gwv1.ListenerConditionProgrammed), metav1.ConditionFalse, reason, message)
	}
	blamed := w.blamed(func(f Failure) bool {
		return isListener(f.Source) && f.Source.Kind == l.Source.Kind && f.Source.Namespace == l.Source.Namespace &&
			f.Source.Name == l.Source.Name && f.Source.Section == l.Source.Section
	})
	switch {
	case !l.Conflicted.OK:
		fail(l.Conflicted.Reason, sentences(l.Conflicted.Problems))
	case !l.Accepted.OK:
		fail(string(gwv1.ListenerReasonInvalid), "The listener is not accepted; see its Accepted condition.")
	case !l.Programmed:
		fail(string(gwv1.ListenerReasonInvalid), "The listener cannot be served without what its ResolvedRefs condition names.")
	case len(blamed) > 0:
		fail(string(gwv1.ListenerReasonInvalid), blamed)
	case w.progress.phase == phaseFailed && stillTrue(c, w.answers):
		// What fails is something else: the cloud has had this listener, as it is asked for now, and answers.
	case w.progress.phase == phaseFailed:
		reason := string(gwv1.ListenerReasonPending)
		if w.progress.reason == string(gwv1.GatewayReasonInvalid) {
			reason = string(gwv1.ListenerReasonInvalid)
		}
		fail(reason, "The load balancer is not programmed; see the Programmed condition of the Gateway.")
	default:
		setProgrammed(c, w.progress, w.answers, "The cloud has the listener.", seeGateway)
	}
}

// blamed returns what the cloud said about those failures that concern one thing alone, as sentences, and nothing where there are none.
func (w *writer) blamed(about func(Failure) bool) string {
	var rejected, refused []string
	for _, f := range w.o.Failures {
		switch {
		case !blamable(f) || !about(f):
		case f.Refused:
			refused = append(refused, cause(f.Err.Err))
		default:
			rejected = append(rejected, failureText(f.Err))
		}
	}
	var out []string
	if len(refused) > 0 {
		out = append(out, "This cloud cannot have the listener: "+list(refused)+".")
	}
	if len(rejected) > 0 {
		out = append(out, "The cloud rejects the listener: "+list(rejected)+". Change it; until then it is tried again from time to time only.")
	}
	return strings.Join(out, " ")
}
