package status

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// ReasonProviderDenied is used with Programmed when the cloud does not let Cloudgate do what is needed.
const ReasonProviderDenied gwv1.GatewayConditionReason = "ProviderDenied"

// phase is how far the cloud is with a Gateway as a whole.
type phase uint8

const (
	phaseDone    phase = iota // the cloud has it
	phasePending              // on its way
	phaseStands               // a passing fault: the last condition stands
	phaseFailed               // it needs somebody to do something
)

// progress is the phase, and the condition that says so.
type progress struct {
	phase   phase
	reason  string
	message string
}

// progressOf judges a Gateway by what is known about it and by what the cloud said.
func progressOf(s *translate.Snapshot, r *translate.Report, o Outcome) progress {
	gw := &r.Gateway
	switch {
	case !gw.Addresses.OK:
		return progress{phaseFailed, gw.Addresses.Reason, sentences(gw.Addresses.Problems) + frozenMessage}
	case r.Frozen():
		return progress{phaseFailed, string(gwv1.GatewayReasonInvalid), "The Gateway is not accepted; see its Accepted condition." + frozenMessage}
	case !gw.Accepted.OK:
		return progress{phaseFailed, string(gwv1.GatewayReasonInvalid), "The Gateway is not accepted; see its Accepted condition."}
	}
	if p, failed := failureProgress(o.Failures); failed {
		return p
	}
	if o.Adoption != nil {
		return progress{phaseFailed, string(ReasonAdoptionPlanned), AdoptionMessage(s.Gateway, o.Adoption, o.Agreed)}
	}
	switch missing := missingAddress(s, o); {
	case len(o.Pending) > 0:
		return progress{phasePending, string(gwv1.GatewayReasonPending), "The cloud is working on it: " + list(o.Pending) + "."}
	case !o.done():
		return progress{phasePending, string(gwv1.GatewayReasonPending), "Waiting for the cloud to be asked for what the Gateway needs."}
	case missing != "":
		return progress{phaseFailed, string(gwv1.GatewayReasonAddressNotUsable),
			fmt.Sprintf("The cloud did not give the load balancer the address %s. Ask for one that is free and belongs to the account, or for none.", missing)}
	case len(o.Addresses) == 0:
		return progress{phaseFailed, string(gwv1.GatewayReasonAddressNotAssigned), "The load balancer is there, but the cloud has not given it an address yet."}
	case !anyProgrammed(r):
		return progress{phaseFailed, string(gwv1.GatewayReasonInvalid), "No listener can be programmed; see their conditions."}
	}
	message := "The cloud has everything that the valid listeners ask for."
	if o.NotAdopted != "" {
		message += " " + o.NotAdopted
	}
	return progress{phaseDone, string(gwv1.GatewayReasonProgrammed), message}
}

const frozenMessage = " Until that is corrected, nothing of it is created, changed or deleted in the cloud."

// failureProgress finds the failure that says most about the Gateway. Failures of one listener or one rule that the cloud rejects concern only
// those: see blame.
func failureProgress(failures []Failure) (progress, bool) {
	var worst *progress
	rank := func(p progress) int { // what somebody has to do something about comes first
		order := []string{string(gwv1.GatewayReasonAddressNotUsable), string(ReasonProviderDenied), string(gwv1.GatewayReasonNoResources), string(gwv1.GatewayReasonInvalid)}
		if i := slices.Index(order, p.reason); i >= 0 && p.phase == phaseFailed {
			return i
		}
		return len(order)
	}
	for _, f := range failures {
		if f.Err == nil || blamable(f) {
			continue
		}
		p := judgeFailure(f.Err)
		if worst == nil || cmp.Or(cmp.Compare(rank(p), rank(*worst)), cmp.Compare(p.message, worst.message)) < 0 {
			worst = &p
		}
	}
	if worst == nil {
		return progress{}, false
	}
	return *worst, true
}

func judgeFailure(err *cloud.Error) progress {
	var address *cloud.AddressError
	if errors.As(err, &address) {
		return progress{phaseFailed, string(gwv1.GatewayReasonAddressNotUsable),
			fmt.Sprintf("The cloud cannot use the address %s: %v. Ask for one that is free and belongs to the account, or for none.", address.Address, cause(address.Err))}
	}
	switch err.Kind {
	case cloud.Invalid, cloud.Unsupported:
		return progress{phaseFailed, string(gwv1.GatewayReasonInvalid),
			fmt.Sprintf("The cloud rejects what is asked for (%s). Change what it names; until then it is tried again from time to time only.", failureText(err))}
	case cloud.Denied:
		return progress{phaseFailed, string(ReasonProviderDenied),
			fmt.Sprintf("The cloud does not allow it (%s). Give Cloudgate's account what is missing.", failureText(err))}
	case cloud.Quota:
		return progress{phaseFailed, string(gwv1.GatewayReasonNoResources),
			fmt.Sprintf("A quota of the cloud account is used up (%s). Raise it, or delete what is not needed.", failureText(err))}
	case cloud.Throttled:
		return progress{phaseStands, string(gwv1.GatewayReasonPending), "The cloud limits the rate of calls. Cloudgate tries again."}
	case cloud.Conflict, cloud.NotFound:
		return progress{phaseStands, string(gwv1.GatewayReasonPending), "Something else changed the cloud's resources meanwhile. Cloudgate looks again."}
	case cloud.Unavailable, cloud.Unknown:
	}
	return progress{phaseStands, string(gwv1.GatewayReasonPending), fmt.Sprintf("The cloud does not answer as it should (%s). Cloudgate tries again.", failureText(err))}
}

func failureText(err *cloud.Error) string {
	return shorten(fmt.Sprintf("%s: %v", err.Op, cause(err.Err)), maxDetail)
}

func cause(err error) string {
	if err == nil {
		return "no reason given"
	}
	return strings.TrimSuffix(err.Error(), ".")
}

// blamable tells whether a failure concerns one listener or one rule alone: the cloud rejects it, and we know what it came from. What was
// left out beforehand never concerns the rest.
func blamable(f Failure) bool {
	if f.Refused && f.Err != nil {
		return true
	}
	rejected := f.Err != nil && (f.Err.Kind == cloud.Invalid || f.Err.Kind == cloud.Unsupported)
	return rejected && (isRoute(f.Source.Kind) || isListener(f.Source))
}

func isRoute(kind string) bool {
	return slices.Contains([]string{"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}, kind)
}

func isListener(source ir.Source) bool {
	return (source.Kind == "Gateway" || source.Kind == "ListenerSet") && source.Section != ""
}

// missingAddress returns an address that the Gateway asks for and its load balancers do not have.
func missingAddress(s *translate.Snapshot, o Outcome) string {
	if !o.done() {
		return ""
	}
	for _, asked := range s.Gateway.Spec.Addresses {
		if asked.Value != "" && !slices.ContainsFunc(o.Addresses, func(got string) bool { return sameAddress(asked.Value, got) }) {
			return asked.Value
		}
	}
	return ""
}

func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX != nil || errY != nil {
		return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
	}
	return x.Unmap() == y.Unmap()
}

func anyProgrammed(r *translate.Report) bool {
	programmed := func(l translate.ListenerReport) bool { return l.Programmed }
	for _, set := range r.ListenerSets {
		if set.Accepted.OK && slices.ContainsFunc(set.Listeners, programmed) {
			return true
		}
	}
	return slices.ContainsFunc(r.Gateway.Listeners, programmed)
}

// done tells whether the cloud has all that it does not reject: what it rejects is said where it belongs.
func (o Outcome) done() bool {
	return o.Applied || len(o.Failures) > 0 && !slices.ContainsFunc(o.Failures, func(f Failure) bool { return !blamable(f) })
}

// stillTrue tells whether the cloud has had the object as it is asked for now, and still answers.
func stillTrue(c *conditions, answers bool) bool {
	last := c.get(string(gwv1.GatewayConditionProgrammed))
	return answers && last != nil && last.Status == metav1.ConditionTrue && last.ObservedGeneration == c.generation
}

// seeGateway is for what is part of a Gateway: the words of a cloud at work change often, and stand in one place only.
const seeGateway = "Waiting for the cloud; see the Programmed condition of the Gateway."

// setProgrammed writes a Programmed condition for an object that the load balancer is to serve. Where the cloud has had this generation of it
// before, changes that are on their way (to routes, to endpoints) do not take that back as long as the load balancer answers somewhere.
func setProgrammed(c *conditions, p progress, answers bool, done, pending string) {
	const kind = string(gwv1.GatewayConditionProgrammed)
	last := c.get(kind)
	known := last != nil && last.Status != metav1.ConditionUnknown
	switch p.phase {
	case phaseDone:
		c.set(kind, metav1.ConditionTrue, p.reason, done)
	case phaseFailed:
		c.set(kind, metav1.ConditionFalse, p.reason, p.message)
	case phaseStands:
		if !known {
			c.set(kind, metav1.ConditionFalse, p.reason, pending)
		}
	case phasePending:
		if stillTrue(c, answers) {
			return
		}
		c.set(kind, metav1.ConditionFalse, p.reason, pending)
	}
}
