package aws

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

// elbTags reads tags as a client gives them.
func elbTags(tags []types.Tag) (map[string]string, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	read := make(map[string]string, len(tags))
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch _, twice := read[key]; {
		case key == "" || len([]rune(key)) > 128 || !taggable(key):
			return nil, invalidf("Tag key '%s' is not valid: 1 to 128 letters, numbers, spaces and any of _ . : / = + - @", clip(key))
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, invalidf("Tag keys starting with 'aws:' are reserved for system use")
		case len([]rune(value)) > 256 || !taggable(value):
			return nil, invalidf("The value of tag '%s' is not valid: at most 256 letters, numbers, spaces and any of _ . : / = + - @", clip(key))
		case twice:
			return nil, faultf("DuplicateTagKeys", "Tag key '%s' was specified more than once", clip(key))
		}
		read[key] = value
	}
	if len(read) > maxTags {
		return nil, faultf("TooManyTags", "The maximum number of tags for a resource is %d", maxTags)
	}
	return read, nil
}

func taggable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return c == unicode.ReplacementChar || !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsSpace(c) && !strings.ContainsRune("_.:/=+-@", c)
	})
}

func toTags(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// tagged returns the resource of Elastic Load Balancing with the ARN and the table that it is in. The lock is held.
func (r *Region) tagged(arn string) (anyTable, row, error) {
	for _, k := range []struct {
		in     string
		table  anyTable
		absent error
	}{
		{":loadbalancer/", r.loadBalancers, loadBalancerNotFound(arn)},
		{":listener/", r.elbListeners, listenerNotFound(arn)},
		{":listener-rule/", r.rules, ruleNotFound(arn)},
		{":targetgroup/", r.targetGroups, targetGroupNotFound(arn)},
		{":truststore/", r.trustStores, trustStoreNotFound(arn)},
	} {
		if !strings.Contains(arn, k.in) {
			continue
		}
		got, ok := k.table.find(arn)
		if !ok {
			if l, isDefault := r.defaultRule(arn); isDefault {
				return r.elbListeners, l, nil
			}
			return nil, nil, k.absent
		}
		return k.table, got, nil
	}
	return nil, nil, invalidf("'%s' is not a valid load balancer, target group, listener, rule or trust store ARN", clip(arn))
}

// AddTags implements the action of that name.
func (r *Region) AddTags(_ context.Context, in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
	add, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if len(in.ResourceArns) == 0 || len(add) == 0 {
		return nil, invalidf("Resource ARNs and tags must be specified")
	}
	return &elb.AddTagsOutput{}, r.retag(in.ResourceArns, func(tags map[string]string) error {
		maps.Copy(tags, add)
		if len(tags) > maxTags {
			return faultf("TooManyTags", "The maximum number of tags for a resource is %d", maxTags)
		}
		return nil
	})
}

// RemoveTags implements the action of that name.
func (r *Region) RemoveTags(_ context.Context, in *elb.RemoveTagsInput) (*elb.RemoveTagsOutput, error) {
	if len(in.ResourceArns) == 0 || len(in.TagKeys) == 0 {
		return nil, invalidf("Resource ARNs and tag keys must be specified")
	}
	return &elb.RemoveTagsOutput{}, r.retag(in.ResourceArns, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

// retag changes the tags of resources with f, of all or of none.
func (r *Region) retag(arns []string, f func(map[string]string) error) error {
	return r.write(func(x *tx) error {
		x.quiet = true
		for _, arn := range arns {
			t, was, err := r.tagged(arn)
			if err != nil {
				return err
			}
			next := t.clone(was)
			tags := maps.Clone(tagsOf(next, arn))
			if tags == nil {
				tags = map[string]string{}
			}
			if err := f(tags); err != nil {
				return err
			}
			setTags(next, arn, tags)
			x.put(t, next)
		}
		return nil
	})
}

// tagsOf returns the tags of the resource with the ARN: a default rule is in its listener's row.
func tagsOf(of row, arn string) map[string]string {
	if l, ok := of.(*Listener); ok && arn != l.Key {
		return l.DefaultTags
	}
	return of.meta().Tags
}

func setTags(of row, arn string, tags map[string]string) {
	if l, ok := of.(*Listener); ok && arn != l.Key {
		l.DefaultTags = tags
		return
	}
	of.meta().Tags = tags
}

// DescribeTags implements the action of that name.
func (r *Region) DescribeTags(_ context.Context, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	if len(in.ResourceArns) == 0 {
		return nil, invalidf("Resource ARNs must be specified")
	}
	if len(in.ResourceArns) > 20 {
		return nil, invalidf("Cannot have more than 20 resources described")
	}
	out := &elb.DescribeTagsOutput{}
	return out, r.read(func() error {
		for _, arn := range in.ResourceArns {
			_, got, err := r.tagged(arn)
			if err != nil {
				return err
			}
			out.TagDescriptions = append(out.TagDescriptions, types.TagDescription{ResourceArn: aws.String(arn), Tags: toTags(tagsOf(got, arn))})
		}
		return nil
	})
}
