package aws

import (
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// Codes that steps act on.
const (
	codeDuplicateLoadBalancer = "DuplicateLoadBalancerName"
	codeDuplicateTargetGroup  = "DuplicateTargetGroupName"
	codeDuplicateListener     = "DuplicateListener"
	codePriorityInUse         = "PriorityInUse"
	codeResourceInUse         = "ResourceInUse"
	codeNotPermitted          = "OperationNotPermitted"
	codeCertificateNotFound   = "CertificateNotFound"
	codeCertificateInUse      = "ResourceInUseException"
	codeDependencyViolation   = "DependencyViolation"
	codeGroupInUse            = "InvalidGroup.InUse"
	codeDuplicateGroup        = "InvalidGroup.Duplicate"
	codeDuplicatePermission   = "InvalidPermission.Duplicate"
	codeNoSuchPermission      = "InvalidPermission.NotFound"
	codeNoSuchGroupRule       = "InvalidSecurityGroupRuleId.NotFound"
	codeTargetGroupNotFound   = "TargetGroupNotFound"
	codeTrustStoreNotFound    = "TrustStoreNotFound"
	codeTrustStoreInUse       = "TrustStoreInUse"
	codeDuplicateTrustStore   = "DuplicateTrustStoreName"
	codeNoSuchBucket          = "NoSuchBucket"
	codeOtherRegion           = "PermanentRedirect"            // of a bucket
	codeOtherRegionSigned     = "AuthorizationHeaderMalformed" // says the same
)

// kinds say what a code means for what happens next. A code that is not here is judged by the status of its answer.
var kinds = listKinds()

func listKinds() map[string]cloud.Kind {
	list := make(map[string]cloud.Kind)
	add := func(kind cloud.Kind, codes ...string) {
		for _, code := range codes {
			list[code] = kind
		}
	}
	add(cloud.Throttled,
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded",
		"TooManyRequestsException", "SlowDown", "BandwidthLimitExceeded", "EC2ThrottledException")
	add(cloud.Denied,
		"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthFailure", "Blocked", "OptInRequired",
		"PendingVerification", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException", "SignatureDoesNotMatch",
		"InvalidSignatureException", "InvalidIdentityToken", "IDPRejectedClaim", codeNotPermitted)
	// A new token is fetched before the next call.
	add(cloud.Unavailable,
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "IDPCommunicationError",
		"InternalError", "InternalFailure", "InternalServerError", "InternalServerException", "InternalServiceException",
		"Unavailable", "ServiceUnavailable", "ServiceUnavailableException", "HealthUnavailable", "RequestTimeout", "RequestTimeoutException",
		"InsufficientCapacity", "InsufficientInstanceCapacity", "PriorRequestNotComplete", "RequestInProgressException")
	add(cloud.Quota,
		"TooManyLoadBalancers", "TooManyListeners", "TooManyRules", "TooManyTargetGroups", "TooManyTargets", "TooManyCertificates",
		"TooManyUniqueTargetGroupsPerLoadBalancer", "TooManyActions", "TooManyTags", "TooManyRegistrationsForTargetId",
		"TooManyTagsException", "TooManyTrustStores", "TagLimitExceeded",
		"SecurityGroupLimitExceeded", "RulesPerSecurityGroupLimitExceeded", "SecurityGroupsPerInterfaceLimitExceeded",
		"SecurityGroupsPerInstanceLimitExceeded", "ResourceLimitExceeded", "NetworkInterfaceLimitExceeded",
		"LimitExceededException", "ServiceQuotaExceededException")
	// What we know of the cloud is old.
	add(cloud.Conflict,
		codeDuplicateLoadBalancer, codeDuplicateTargetGroup, codeDuplicateListener, codePriorityInUse, codeResourceInUse, codeDependencyViolation,
		codeDuplicateTrustStore, codeTrustStoreInUse, "TrustStoreNotReady", "OperationAborted",
		codeDuplicateGroup, codeGroupInUse, codeDuplicatePermission, "TargetGroupAssociationLimit", codeCertificateInUse, "ConflictException",
		"ConcurrentModificationException", "IncorrectState", "PaginationTokenExpiredException", "ConcurrentTagAccess")
	add(cloud.NotFound,
		"LoadBalancerNotFound", "ListenerNotFound", "RuleNotFound", codeTargetGroupNotFound, codeTrustStoreNotFound, codeCertificateNotFound, "ResourceNotFound",
		"ResourceNotFoundException", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", codeNoSuchPermission, codeNoSuchGroupRule)
	// Some of these name what the user gave.
	add(cloud.Invalid,
		"ValidationError", "ValidationException", "InvalidParameterValue", "InvalidParameterCombination", "InvalidParameter",
		"InvalidParameterException", "MissingParameter", "MalformedQueryString", "InvalidAction", "InvalidConfigurationRequest",
		"InvalidLoadBalancerAction", "InvalidScheme", "InvalidSecurityGroup", "InvalidSubnet", "InvalidTarget", "SubnetNotFound",
		"SSLPolicyNotFound", "ALPNPolicyNotFound", "CaCertificatesBundleNotFound", "InvalidCaCertificatesBundle", "UnsupportedProtocol", "IncompatibleProtocols",
		"AvailabilityZoneNotSupported", "AllocationIdNotFound", "DuplicateTagKeys", "UnsupportedOperation", "Unsupported",
		"InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "InvalidGroup.Reserved", "ALPNPolicyNotSupported",
		"InvalidPermission.Malformed", "InvalidPermission", "VPCIdNotSpecified", "InvalidArnException", "InvalidArgsException",
		codeNoSuchBucket, codeOtherRegion, codeOtherRegionSigned, "InvalidBucketName", "EntityTooLarge", "InvalidArgument", "InvalidTag", "KeyTooLongError",
		"InvalidStateException", "InvalidTagException", "TagPolicyException", "ConstraintViolationException", "InvalidID")
	return list
}

// deniedByPolicy tells whether code says that the caller is known and lacks a permission.
func deniedByPolicy(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized":
		return true
	}
	return false
}

// isAboutCredentials tells whether code says that the caller is not known, or cannot prove who it is.
func isAboutCredentials(code string) bool {
	switch code {
	case "AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException", "SignatureDoesNotMatch",
		"InvalidSignatureException", "InvalidIdentityToken", "IDPRejectedClaim", "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return true
	}
	return false
}

// saysExpired tells whether code says that the credentials were good and are not any more. EC2 says so of old signatures, too.
func saysExpired(code string) bool {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return true
	}
	return false
}

// iamPrefix is what IAM calls a service.
func iamPrefix(service string) string {
	switch service {
	case elb.ServiceID:
		return "elasticloadbalancing"
	case ec2.ServiceID:
		return "ec2"
	case acm.ServiceID:
		return "acm"
	case tagging.ServiceID:
		return "tag"
	case s3.ServiceID:
		return "s3"
	default:
		return "sts"
	}
}
