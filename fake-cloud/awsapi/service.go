package awsapi

import (
	"strings"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
)

// service is one of AWS's services.
type service struct {
	iam      string // what IAM calls it: the prefix of its actions
	scope    string // what it is called in the scope of a signature
	module   string // what its SDK module is called
	version  string // of the API, in requests: Version, or what X-Amz-Target begins with
	protocol codec.Protocol
	words    words // its errors
}

var services = []*service{
	{"elasticloadbalancing", "elasticloadbalancing", "elasticloadbalancingv2", "2015-12-01",
		codec.Query{Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"}, queryWords},
	{"ec2", "ec2", "ec2", "2016-11-15", codec.EC2Query{Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/"}, ec2Words},
	{"sts", "sts", "sts", "2011-06-15", codec.Query{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}, queryWords},
	{"s3", "s3", "s3", codec.S3Version, codec.S3{}, s3Words},
	{"acm", "acm", "acm", "CertificateManager", codec.JSON{}, jsonWords},
	{"tag", "tagging", "resourcegroupstaggingapi", "ResourceGroupsTaggingAPI_20170126", codec.JSON{}, jsonWords},
	{"wafv2", "wafv2", "wafv2", "AWSWAF_20190729", codec.JSON{}, jsonWords},
	{"shield", "shield", "shield", "AWSShield_20160616", codec.JSON{}, jsonWords},
}

// serviceOfScope returns the service that a signature is for.
func serviceOfScope(scope string) *service {
	for _, s := range services {
		if s.scope == scope {
			return s
		}
	}
	return nil
}

// serviceOfVersion returns the service that has the version of an API.
func serviceOfVersion(version string) *service {
	for _, s := range services {
		if s.version == version {
			return s
		}
	}
	return nil
}

// serviceOfPackage returns the service whose SDK module a type is of.
func serviceOfPackage(path string) *service {
	module, ok := strings.CutPrefix(path, "github.com/aws/aws-sdk-go-v2/service/")
	for _, s := range services {
		if ok && s.module == module {
			return s
		}
	}
	return nil
}

// regions are those that a request may be for.
var regions = func() map[string]bool {
	known := map[string]bool{}
	for _, name := range strings.Fields(`
		af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2
		ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1 cn-northwest-1
		eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
		mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2`) {
		known[name] = true
	}
	return known
}()

// IsRegion says whether AWS has a region of that name.
func IsRegion(name string) bool { return regions[name] }
