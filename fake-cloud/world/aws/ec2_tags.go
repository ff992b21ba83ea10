package aws

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// tagLimit is how many tags a resource may have.
const tagLimit = 50

// ec2TagSet shows tags, by key.
func ec2TagSet(tags map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: ptr(key), Value: ptr(tags[key])})
	}
	return out
}

// ec2TagsAtCreation reads the tags that a call gives to what it makes, which is of the kind.
func ec2TagsAtCreation(specs []types.TagSpecification, kind types.ResourceType) (map[string]string, error) {
	var tags map[string]string
	for _, spec := range specs {
		if spec.ResourceType != kind {
			return nil, faultf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		if len(spec.Tags) == 0 {
			return nil, faultf("InvalidParameterValue", "Tag specification must have at least one tag")
		}
		if tags != nil {
			return nil, faultf("InvalidParameterValue", "Tag specification resource type '%s' must not appear more than once", kind)
		}
		var err error
		if tags, err = readTags(spec.Tags); err != nil {
			return nil, err
		}
	}
	return tags, checkTagCount(tags)
}

func readTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key, value := awssdk.ToString(t.Key), awssdk.ToString(t.Value)
		if err := checkTagKey(key); err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(value) > 256 {
			return nil, faultf("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")
		}
		if _, twice := tags[key]; twice {
			return nil, faultf("InvalidParameterValue", "Duplicate tag key '%s' specified.", key)
		}
		tags[key] = value
	}
	return tags, nil
}

func checkTagKey(key string) error {
	switch {
	case key == "":
		return faultf("InvalidParameterValue", "Tag key cannot be null or empty.")
	case utf8.RuneCountInString(key) > 127:
		return faultf("InvalidParameterValue", "Tag key exceeds the maximum length of 127 characters")
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return faultf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
	}
	return nil
}

func checkTagCount(tags map[string]string) error {
	n := 0
	for key := range tags {
		if !strings.HasPrefix(key, "aws:") {
			n++
		}
	}
	if n > tagLimit {
		return faultf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return nil
}
