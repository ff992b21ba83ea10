package aws

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// maxObjectTags is how many tags an object has at most.
const maxObjectTags = 10

// s3Tags reads tags.
func s3Tags(tags []types.Tag, most int) (map[string]string, error) {
	if len(tags) > most {
		return nil, s3Fault("BadRequest", 400, "Object tags cannot be greater than %d", most)
	}
	out := map[string]string{}
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		n := utf8.RuneCountInString(key)
		switch {
		case n < 1 || n > 128 || strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, s3Fault("InvalidTag", 400, "The TagKey you have provided is invalid").about("TagKey", key)
		case utf8.RuneCountInString(value) > 256:
			return nil, s3Fault("InvalidTag", 400, "The TagValue you have provided is invalid").about("TagValue", value)
		}
		if _, twice := out[key]; twice {
			return nil, s3Fault("InvalidTag", 400, "Cannot provide multiple Tags with the same key").about("TagKey", key)
		}
		out[key] = value
	}
	return out, nil
}

// headerTags reads the tags that PutObject has in a header, written as a query.
func headerTags(header *string) (map[string]string, error) {
	if aws.ToString(header) == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(*header)
	if err != nil {
		return nil, badArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []types.Tag
	for _, key := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[key] {
			tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
		}
	}
	return s3Tags(tags, maxObjectTags)
}

// PutObjectTagging implements the action of that name: the tags are those and no others.
func (r *Region) PutObjectTagging(_ context.Context, in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
	if in.Tagging == nil {
		return nil, s3Fault("MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema")
	}
	tags, err := s3Tags(in.Tagging.TagSet, maxObjectTags)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectTaggingOutput{}, r.write(func(x *tx) error {
		x.quiet = true
		o, err := r.needObject(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId)
		if err != nil {
			return err
		}
		r.objects.edit(x, o.Key, func(o *Object) { o.Tags = tags })
		return r.objectsFit()
	})
}

// GetObjectTagging implements the action of that name.
func (r *Region) GetObjectTagging(_ context.Context, in *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
	out := &s3.GetObjectTaggingOutput{TagSet: []types.Tag{}}
	return out, r.read(func() error {
		o, err := r.needObject(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(o.Tags)) {
			out.TagSet = append(out.TagSet, types.Tag{Key: aws.String(key), Value: aws.String(o.Tags[key])})
		}
		return nil
	})
}

// DeleteObjectTagging implements the action of that name.
func (r *Region) DeleteObjectTagging(_ context.Context, in *s3.DeleteObjectTaggingInput) (*s3.DeleteObjectTaggingOutput, error) {
	return &s3.DeleteObjectTaggingOutput{}, r.write(func(x *tx) error {
		x.quiet = true
		o, err := r.needObject(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId)
		if err != nil {
			return err
		}
		r.objects.edit(x, o.Key, func(o *Object) { o.Tags = nil })
		return nil
	})
}
