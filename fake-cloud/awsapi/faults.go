package awsapi

import (
	"maps"
	"slices"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
)

// Ops returns the names of the actions that are served, as IAM has them.
func (a *API) Ops() []string {
	var names []string
	for _, actions := range a.methods {
		for _, m := range actions {
			names = append(names, m.op())
		}
	}
	slices.Sort(names)
	return names
}

// statuses are the codes that a fault rule may ask for, of the services' documentation, where they are not answered with 400.
var statuses = map[string]int{
	"AccessDenied": 403, "OptInRequired": 403, "InvalidClientTokenId": 403, "SignatureDoesNotMatch": 403, "ExpiredToken": 403,
	"AuthFailure": 401, "PriorRequestNotComplete": 429,
	"InternalFailure": 500, "InternalError": 500, "HealthUnavailable": 500, "InsufficientCapacity": 500,
	"ServiceUnavailable": 503, "Unavailable": 503, "RequestLimitExceeded": 503,
	"NoSuchBucket": 404, "NoSuchKey": 404, "SlowDown": 503, "InvalidAccessKeyId": 403,
}

// badRequests are the codes that a fault rule may ask for and that are answered with 400.
var badRequests = []string{
	// Elastic Load Balancing
	"ALPNPolicyNotSupported", "AllocationIdNotFound", "AvailabilityZoneNotSupported", "CapacityDecreaseRequestsLimitExceeded",
	"CapacityReservationPending", "CapacityUnitsLimitExceeded", "CertificateNotFound", "DuplicateListener", "DuplicateLoadBalancerName",
	"DuplicateTagKeys", "DuplicateTargetGroupName", "IncompatibleProtocols", "InvalidConfigurationRequest", "InvalidLoadBalancerAction",
	"InvalidScheme", "InvalidSecurityGroup", "InvalidSubnet", "InvalidTarget", "ListenerNotFound", "LoadBalancerNotFound",
	"OperationNotPermitted", "PriorityInUse", "ResourceInUse", "RuleNotFound", "SSLPolicyNotFound", "SubnetNotFound",
	"TargetGroupAssociationLimit", "TargetGroupNotFound", "TooManyActions", "TooManyCertificates", "TooManyListeners",
	"TooManyLoadBalancers", "TooManyRegistrationsForTargetId", "TooManyRules", "TooManyTags", "TooManyTargetGroups", "TooManyTargets",
	"TooManyUniqueTargetGroupsPerLoadBalancer", "TrustStoreNotFound", "TrustStoreNotReady", "UnsupportedProtocol", "ValidationError",
	"Throttling", "ThrottlingException",
	// EC2
	"DependencyViolation", "InvalidGroup.Duplicate", "InvalidGroup.InUse", "InvalidGroup.NotFound", "InvalidParameterValue",
	"InvalidPermission.Duplicate", "InvalidPermission.NotFound", "InvalidSubnetID.NotFound", "InvalidVpcID.NotFound",
	"RequestExpired", "RulesPerSecurityGroupLimitExceeded", "SecurityGroupLimitExceeded", "TagLimitExceeded", "UnauthorizedOperation",
	// ACM and the other services with JSON
	"AccessDeniedException", "InvalidArnException", "InvalidParameterException", "InvalidStateException", "InvalidTagException",
	"LimitExceededException", "RequestInProgressException", "ResourceInUseException", "ResourceNotFoundException", "TooManyTagsException",
	"ValidationException", "WAFNonexistentItemException", "WAFUnavailableEntityException",
}

func faultCodes() []string {
	return append(slices.Sorted(maps.Keys(statuses)), badRequests...)
}

// withFault performs the call, or what a fault rule makes of it.
func (a *API) withFault(c *call) (answer codec.Answer, effect string, drop bool) {
	f := a.faults.Next(c.method.op())
	if f == nil {
		return a.perform(c), "", false
	}
	a.cfg.Log.Info("fault", "op", c.method.op(), "effect", f.Effect, "rule", f.ID)
	refuse := func(said codec.Fault) (codec.Answer, string, bool) {
		return c.service.protocol.Refuse(said, c.id), string(f.Effect), false
	}
	words := c.service.words
	switch f.Effect {
	case fault.Error:
		return refuse(injected(words, f))
	case fault.Unavailable:
		return refuse(words.unavailable)
	case fault.Throttle:
		return refuse(words.throttled)
	case fault.Delay:
		if !a.wait(c, f) {
			return codec.Answer{Status: 503}, string(f.Effect), true
		}
	case fault.CrashBefore:
		a.cfg.Crash()
	case fault.DropReply, fault.CrashAfter:
	}
	answer = a.perform(c)
	if f.Effect == fault.CrashAfter {
		a.cfg.Crash()
	}
	return answer, string(f.Effect), f.Effect == fault.DropReply
}

// injected is the error that a rule asks for.
func injected(words words, f *fault.Rule) codec.Fault {
	if f.Code == "" {
		return words.internal
	}
	status := statuses[f.Code]
	if status == 0 {
		status = 400
	}
	return codec.Fault{Code: f.Code, Message: "by fault rule " + f.ID, Status: status}
}

// wait waits on the account's clock, and reports whether the client did too.
func (a *API) wait(c *call, f *fault.Rule) bool {
	over := make(chan struct{})
	stop := a.cfg.Clock.Alarm(a.cfg.Clock.Now().Add(f.Wait()), func() { close(over) })
	select {
	case <-over:
		return true
	case <-c.r.Context().Done():
		stop()
		return false
	}
}

// Faults are the rules that say which calls meet a mishap.
func (a *API) Faults() *fault.Set { return a.faults }

// Reset ends all fault rules, empties the journal and sets the rates as they were at the start.
func (a *API) Reset() {
	a.faults.Clear()
	a.cfg.Journal.Clear()
	a.limits.set(a.cfg.Rates)
}
