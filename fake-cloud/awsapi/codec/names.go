package codec

import (
	"reflect"
	"strings"

	acm "github.com/aws/aws-sdk-go-v2/service/acm/types"
	sts "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// small are the structs whose members begin with a small letter on the wire, in the protocols where the others are called as the field.
var small = map[reflect.Type]bool{
	reflect.TypeFor[acm.Filters]():              true,
	reflect.TypeFor[sts.PolicyDescriptorType](): true,
}

// fieldName is what a field is called in awsQuery and awsJson.
func fieldName(owner reflect.Type, field string) string {
	if small[owner] {
		return smallFirst(field)
	}
	return field
}

// ec2Parameter is what a field is called in a request of ec2Query: by its own name, but for those in the table.
func ec2Parameter(owner reflect.Type, field string) string {
	if name, ok := ec2Parameters[owner.Name()+"."+field]; ok {
		return name
	}
	return field
}

// ec2Element is what a field is called in an answer of ec2Query: by its name with a small first letter, but for those in the table.
func ec2Element(owner reflect.Type, field string) string {
	if name, ok := ec2Elements[owner.Name()+"."+field]; ok {
		return name
	}
	return smallFirst(field)
}

func smallFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
