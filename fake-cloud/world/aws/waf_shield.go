package aws

import (
	"context"
	"regexp"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"
)

// Kinds of Associations of Shield Advanced.
const (
	kindProtection   = "protection"
	kindSubscription = "subscription"
)

var protectionName = regexp.MustCompile(`^[ a-zA-Z0-9_.\-]{1,128}$`)

func noProtection() error {
	return faultf("ResourceNotFoundException", "The referenced protection does not exist.")
}

func (r *Region) subscribed() bool {
	_, ok := r.associations.get(kindSubscription)
	return ok
}

// CreateSubscription subscribes the account to Shield Advanced, which a new account is not.
func (r *Region) CreateSubscription(context.Context, *shield.CreateSubscriptionInput) (*shield.CreateSubscriptionOutput, error) {
	err := r.write(func(x *tx) error {
		if r.subscribed() {
			return faultf("ResourceAlreadyExistsException", "The subscription already exists.")
		}
		r.associations.put(x, &Association{Meta: x.meta(kindSubscription, nil, 0), Kind: kindSubscription})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shield.CreateSubscriptionOutput{}, nil
}

// GetSubscriptionState says whether the account is subscribed to Shield Advanced.
func (r *Region) GetSubscriptionState(context.Context, *shield.GetSubscriptionStateInput) (*shield.GetSubscriptionStateOutput, error) {
	out := &shield.GetSubscriptionStateOutput{SubscriptionState: types.SubscriptionStateInactive}
	return out, r.read(func() error {
		if r.subscribed() {
			out.SubscriptionState = types.SubscriptionStateActive
		}
		return nil
	})
}

// CreateProtection protects a load balancer with Shield Advanced.
func (r *Region) CreateProtection(_ context.Context, in *shield.CreateProtectionInput) (*shield.CreateProtectionOutput, error) {
	name, resource := awssdk.ToString(in.Name), awssdk.ToString(in.ResourceArn)
	if !protectionName.MatchString(name) || !strings.HasPrefix(resource, "arn:") {
		return nil, faultf("InvalidParameterException", "The name or the ARN of the resource is not valid.")
	}
	var id string
	err := r.write(func(x *tx) error {
		if !r.subscribed() {
			return faultf("ResourceNotFoundException", "The subscription does not exist.")
		}
		if _, ok := r.loadBalancers.get(resource); !ok {
			return faultf("ResourceNotFoundException", "The referenced resource does not exist.")
		}
		key := kindProtection + "|" + resource
		if _, ok := r.associations.get(key); ok {
			return faultf("ResourceAlreadyExistsException", "The referenced protection already exists.")
		}
		id = x.uuid()
		r.associations.put(x, &Association{Meta: x.meta(key, nil, 0), Kind: kindProtection, Resource: resource, Target: id, Name: name})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shield.CreateProtectionOutput{ProtectionId: &id}, nil
}

func (r *Region) findProtection(id, resource *string) (*Association, error) {
	if (id == nil) == (resource == nil) {
		return nil, faultf("InvalidParameterException", "Either the protection's ID or the resource's ARN has to be given, and not both.")
	}
	a, ok := r.associations.first(func(a *Association) bool {
		return a.Kind == kindProtection && (id != nil && a.Target == *id || resource != nil && a.Resource == *resource)
	})
	if !ok {
		return nil, noProtection()
	}
	return a, nil
}

// DescribeProtection shows a protection, by its id or its resource.
func (r *Region) DescribeProtection(_ context.Context, in *shield.DescribeProtectionInput) (*shield.DescribeProtectionOutput, error) {
	out := &shield.DescribeProtectionOutput{}
	err := r.read(func() error {
		a, err := r.findProtection(in.ProtectionId, in.ResourceArn)
		if err != nil {
			return err
		}
		out.Protection = &types.Protection{
			Id: &a.Target, Name: &a.Name, ResourceArn: &a.Resource,
			ProtectionArn: ptr("arn:" + r.partition() + ":shield::" + *r.owner() + ":protection/" + a.Target),
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteProtection ends a protection.
func (r *Region) DeleteProtection(_ context.Context, in *shield.DeleteProtectionInput) (*shield.DeleteProtectionOutput, error) {
	err := r.write(func(x *tx) error {
		a, err := r.findProtection(ptr(awssdk.ToString(in.ProtectionId)), nil)
		if err != nil {
			return err
		}
		r.associations.drop(x, a.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shield.DeleteProtectionOutput{}, nil
}
