package aws

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Token returns what a client gives back to go on after a name.
func s3Token(name string) *string {
	return aws.String(base64.URLEncoding.EncodeToString([]byte("after:" + name)))
}

// s3Position reads a token.
func s3Position(token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	raw, err := base64.URLEncoding.DecodeString(*token)
	name, ok := strings.CutPrefix(string(raw), "after:")
	if err != nil || !ok {
		return "", badArgument("The continuation token provided is incorrect")
	}
	return name, nil
}

// ListObjectsV2 implements the action of that name: by key, and what has the delimiter after the prefix together as one.
func (r *Region) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	after, err := s3Position(in.ContinuationToken)
	if err != nil {
		return nil, err
	}
	if after == "" {
		after = aws.ToString(in.StartAfter)
	}
	limit := 1000
	if in.MaxKeys != nil {
		limit = min(limit, int(*in.MaxKeys))
	}
	if limit < 0 {
		return nil, badArgument("Argument maxKeys must be an integer between 0 and 2147483647")
	}
	if in.EncodingType != "" && in.EncodingType != types.EncodingTypeUrl {
		return nil, badArgument("Invalid Encoding Method specified in Request")
	}
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: aws.String(aws.ToString(in.Prefix)), Delimiter: in.Delimiter, MaxKeys: aws.Int32(int32(limit)), EncodingType: in.EncodingType,
		ContinuationToken: in.ContinuationToken, StartAfter: in.StartAfter, IsTruncated: aws.Bool(false),
	}
	var objects []*Object
	err = r.read(func() error {
		b, err := r.needBucket(in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		objects = slices.Clone(r.objects.of(b.Key))
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(objects, func(a, b *Object) int { return cmp.Compare(a.Key, b.Key) })
	last, n := "", 0
	for _, o := range objects {
		name := o.name()
		group := groupOf(name, aws.ToString(in.Prefix), aws.ToString(in.Delimiter))
		told := cmp.Or(group, name)
		if !strings.HasPrefix(name, aws.ToString(in.Prefix)) || told <= after || group != "" && group == last {
			continue
		}
		if n == limit {
			if limit > 0 {
				out.IsTruncated, out.NextContinuationToken = aws.Bool(true), s3Token(last)
			}
			break
		}
		last = told
		n++
		if group != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: aws.String(group)})
			continue
		}
		out.Contents = append(out.Contents, r.listed(o, aws.ToBool(in.FetchOwner)))
	}
	out.KeyCount = aws.Int32(int32(n))
	if in.EncodingType == types.EncodingTypeUrl {
		escapeNames(out)
	}
	return out, nil
}

// groupOf returns what keys are together with one: the part up to the delimiter that follows the prefix. Empty where there is none.
func groupOf(name, prefix, delimiter string) string {
	rest, ok := strings.CutPrefix(name, prefix)
	i := strings.Index(rest, delimiter)
	if !ok || delimiter == "" || i < 0 {
		return ""
	}
	return prefix + rest[:i+len(delimiter)]
}

func (r *Region) listed(o *Object, owner bool) types.Object {
	out := types.Object{
		Key: aws.String(o.name()), ETag: aws.String(o.ETag), Size: aws.Int64(int64(len(o.Content))), LastModified: aws.Time(o.Created),
		StorageClass: types.ObjectStorageClassStandard, ChecksumType: types.ChecksumTypeFullObject,
	}
	for a := range o.Checksums {
		out.ChecksumAlgorithm = append(out.ChecksumAlgorithm, types.ChecksumAlgorithm(a))
	}
	if owner {
		out.Owner = r.s3Owner()
	}
	return out
}

// escapeNames writes names so that XML can hold whatever is in them.
func escapeNames(out *s3.ListObjectsV2Output) {
	escape := func(s **string) {
		if *s != nil {
			*s = aws.String(strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(**s), "%2F", "/"), "%2A", "*"))
		}
	}
	escape(&out.Prefix)
	escape(&out.Delimiter)
	escape(&out.StartAfter)
	for i := range out.Contents {
		escape(&out.Contents[i].Key)
	}
	for i := range out.CommonPrefixes {
		escape(&out.CommonPrefixes[i].Prefix)
	}
}
