package aws

import "strings"

// partition returns the part of AWS that the region belongs to.
func (r *Region) partition() string {
	switch {
	case strings.HasPrefix(r.name, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(r.name, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// domain returns the DNS domain of the partition.
func (r *Region) domain() string {
	if r.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// arn returns the ARN of a resource of the account in this region.
func (r *Region) arn(service, resource string) string {
	return "arn:" + r.partition() + ":" + service + ":" + r.name + ":" + r.cloud.cfg.AccountID + ":" + resource
}

// elbARN returns the ARN of a resource of Elastic Load Balancing.
func (r *Region) elbARN(resource string) string { return r.arn("elasticloadbalancing", resource) }

// within returns the ARN of what is in the resource of Elastic Load Balancing with the ARN: "listener" in a "loadbalancer",
// "listener-rule" in a "listener".
func arnWithin(parent, is, becomes, id string) string {
	return strings.Replace(parent, ":"+is+"/", ":"+becomes+"/", 1) + "/" + id
}
