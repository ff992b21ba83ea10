package aws

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What one object may be. AWS takes 5 GB in one call; this account keeps all in memory.
const (
	maxObject   = 16 << 20
	maxKey      = 1024
	maxMetadata = 2 << 10
)

func objectKey(bucket, key string) string { return bucket + "/" + key }

// bucket returns the name of the bucket that the object is in.
func (o *Object) bucket() string {
	bucket, _, _ := strings.Cut(o.Key, "/") // no bucket's name has a slash
	return bucket
}

// name returns the object's key in its bucket.
func (o *Object) name() string {
	_, name, _ := strings.Cut(o.Key, "/")
	return name
}

// SeedObject keeps a file as PutObject does. A bucket that is not there is made.
func (r *Region) SeedObject(bucket, key string, content []byte) error {
	o, err := readObject(&s3.PutObjectInput{Bucket: &bucket, Key: aws.String(strings.TrimPrefix(key, "/")), Body: bytes.NewReader(content)})
	if err != nil {
		return err
	}
	return r.write(func(x *tx) error {
		x.quiet = true
		if _, err := r.needBucket(&bucket, nil); err != nil {
			if !isFault(err, "NoSuchBucket") {
				return err
			}
			if err := checkBucketName(bucket); err != nil {
				return err
			}
			r.buckets.put(x, &Bucket{Meta: x.meta(bucket, nil, 0)})
		}
		return r.keepObject(x, o)
	})
}

// PutObject implements the action of that name. Objects are encrypted by S3's own key, which nobody sees, and have no versions.
func (r *Region) PutObject(_ context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	o, err := readObject(in)
	if err != nil {
		return nil, err
	}
	err = r.write(func(x *tx) error {
		x.quiet = true
		if _, err := r.needBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		old, there := r.objects.get(o.Key)
		switch {
		case in.IfNoneMatch != nil && *in.IfNoneMatch != "*", in.IfNoneMatch != nil && in.IfMatch != nil:
			return s3NotServed()
		case in.IfNoneMatch != nil && there:
			return preconditionFailed("If-None-Match")
		case in.IfMatch != nil && !there:
			return noSuchKey(o.name())
		case in.IfMatch != nil && !sameETag(*in.IfMatch, old.ETag):
			return preconditionFailed("If-Match")
		}
		return r.keepObject(x, o)
	})
	if err != nil {
		return nil, err
	}
	out := &s3.PutObjectOutput{ETag: aws.String(o.ETag), ServerSideEncryption: types.ServerSideEncryptionAes256, ChecksumType: types.ChecksumTypeFullObject}
	out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = o.sums()
	return out, nil
}

// readObject makes an object of what is put, with its content checked against what is said of it.
func readObject(in *s3.PutObjectInput) (*Object, error) {
	key := aws.ToString(in.Key)
	switch {
	case len(key) > maxKey:
		return nil, s3Fault("KeyTooLongError", 400, "Your key is too long")
	case in.ServerSideEncryption != "" && in.ServerSideEncryption != types.ServerSideEncryptionAes256,
		in.SSECustomerAlgorithm != nil, in.ObjectLockMode != "", in.ObjectLockLegalHoldStatus != "", in.WriteOffsetBytes != nil,
		in.StorageClass != "" && in.StorageClass != types.StorageClassStandard:
		return nil, s3NotServed()
	case in.ACL != "" && in.ACL != types.ObjectCannedACLPrivate && in.ACL != types.ObjectCannedACLBucketOwnerFullControl:
		return nil, s3Fault("AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
	}
	size := 0
	for k, v := range in.Metadata {
		size += len(k) + len(v)
	}
	if size > maxMetadata {
		return nil, s3Fault("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size")
	}
	tags, err := headerTags(in.Tagging)
	if err != nil {
		return nil, err
	}
	content, err := readBody(in.Body)
	if err != nil {
		return nil, err
	}
	sums, err := checksums(in, content)
	if err != nil {
		return nil, err
	}
	o := &Object{
		Meta: Meta{Key: objectKey(aws.ToString(in.Bucket), key), Tags: tags}, Content: content, ETag: etag(content),
		Type: cmp.Or(aws.ToString(in.ContentType), "binary/octet-stream"), Metadata: maps.Clone(in.Metadata), Checksums: sums, Headers: map[string]string{},
	}
	for name, value := range map[string]*string{
		"CacheControl": in.CacheControl, "ContentDisposition": in.ContentDisposition, "ContentEncoding": in.ContentEncoding,
		"ContentLanguage": in.ContentLanguage, "WebsiteRedirectLocation": in.WebsiteRedirectLocation,
	} {
		if value != nil {
			o.Headers[name] = *value
		}
	}
	return o, nil
}

func readBody(body io.Reader) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	content, err := io.ReadAll(io.LimitReader(body, maxObject+1))
	if err != nil {
		return nil, fmt.Errorf("read an object: %w", err)
	}
	if len(content) > maxObject {
		return nil, s3Fault("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
	}
	return content, nil
}

// keepObject puts an object in the place of what has its key, where there is room. The lock is held.
func (r *Region) keepObject(x *tx, o *Object) error {
	o.Meta = x.meta(o.Key, o.Tags, 0)
	r.objects.put(x, o)
	return r.objectsFit()
}

// needObject returns the object that a call names. The lock is held.
func (r *Region) needObject(bucket, key, owner, version *string) (*Object, error) {
	if _, err := r.needBucket(bucket, owner); err != nil {
		return nil, err
	}
	if v := aws.ToString(version); v != "" && v != "null" {
		return nil, s3Fault("NoSuchVersion", 404, "The specified version does not exist.").about("VersionId", v)
	}
	o, ok := r.objects.get(objectKey(*bucket, aws.ToString(key)))
	if !ok {
		return nil, noSuchKey(aws.ToString(key))
	}
	return o, nil
}

// GetObject implements the action of that name.
func (r *Region) GetObject(_ context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	var o *Object
	err := r.read(func() (err error) {
		o, err = r.needObject(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := o.conditions(conditions{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince}); err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil || in.PartNumber != nil && *in.PartNumber != 1 {
		return nil, s3NotServed()
	}
	part, err := rangeOf(in.Range, len(o.Content))
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectOutput{
		AcceptRanges: aws.String("bytes"), Body: io.NopCloser(bytes.NewReader(o.Content[part.from:part.to])),
		ContentLength: aws.Int64(int64(part.to - part.from)), ETag: aws.String(o.ETag), LastModified: aws.Time(o.Created.Truncate(time.Second)),
		Metadata: o.Metadata, ServerSideEncryption: types.ServerSideEncryptionAes256,
		ContentType:             or(in.ResponseContentType, o.Type),
		CacheControl:            or(in.ResponseCacheControl, o.Headers["CacheControl"]),
		ContentDisposition:      or(in.ResponseContentDisposition, o.Headers["ContentDisposition"]),
		ContentEncoding:         or(in.ResponseContentEncoding, o.Headers["ContentEncoding"]),
		ContentLanguage:         or(in.ResponseContentLanguage, o.Headers["ContentLanguage"]),
		WebsiteRedirectLocation: or(nil, o.Headers["WebsiteRedirectLocation"]),
	}
	if n := len(o.Tags); n > 0 {
		out.TagCount = aws.Int32(int32(n))
	}
	if part.asked {
		out.ContentRange = aws.String(fmt.Sprintf("bytes %d-%d/%d", part.from, part.to-1, len(o.Content)))
	} else if in.ChecksumMode == types.ChecksumModeEnabled {
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = o.sums()
		out.ChecksumType = types.ChecksumTypeFullObject
	}
	return out, nil
}

// or is the first that is given, nil where neither is.
func or(asked *string, kept string) *string {
	if asked == nil && kept != "" {
		return &kept
	}
	return asked
}

// HeadObject implements the action of that name: GetObject without the content.
func (r *Region) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	got, err := r.GetObject(ctx, &s3.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, ChecksumMode: in.ChecksumMode, ExpectedBucketOwner: in.ExpectedBucketOwner, VersionId: in.VersionId,
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince,
		Range: in.Range, PartNumber: in.PartNumber, SSECustomerAlgorithm: in.SSECustomerAlgorithm,
		ResponseCacheControl: in.ResponseCacheControl, ResponseContentDisposition: in.ResponseContentDisposition,
		ResponseContentEncoding: in.ResponseContentEncoding, ResponseContentLanguage: in.ResponseContentLanguage, ResponseContentType: in.ResponseContentType,
	})
	if err != nil {
		return nil, err
	}
	return &s3.HeadObjectOutput{
		AcceptRanges: got.AcceptRanges, ContentLength: got.ContentLength, ContentRange: got.ContentRange, ContentType: got.ContentType, ETag: got.ETag,
		LastModified: got.LastModified, Metadata: got.Metadata, ServerSideEncryption: got.ServerSideEncryption, CacheControl: got.CacheControl,
		ContentDisposition: got.ContentDisposition, ContentEncoding: got.ContentEncoding, ContentLanguage: got.ContentLanguage,
		WebsiteRedirectLocation: got.WebsiteRedirectLocation, TagCount: got.TagCount, ChecksumType: got.ChecksumType,
		ChecksumCRC32: got.ChecksumCRC32, ChecksumCRC32C: got.ChecksumCRC32C, ChecksumCRC64NVME: got.ChecksumCRC64NVME,
		ChecksumSHA1: got.ChecksumSHA1, ChecksumSHA256: got.ChecksumSHA256,
	}, nil
}

// DeleteObject implements the action of that name. It succeeds for what is not there.
func (r *Region) DeleteObject(_ context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	return &s3.DeleteObjectOutput{}, r.write(func(x *tx) error {
		x.quiet = true
		o, err := r.needObject(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId)
		switch {
		case isFault(err, "NoSuchKey") && in.IfMatch == nil:
			return nil
		case err != nil:
			return err
		case in.IfMatch != nil && !sameETag(*in.IfMatch, o.ETag):
			return preconditionFailed("If-Match")
		}
		r.objects.drop(x, o.Key)
		return nil
	})
}

// DeleteObjects implements the action of that name.
func (r *Region) DeleteObjects(_ context.Context, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > 1000 {
		return nil, s3Fault("MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema")
	}
	out := &s3.DeleteObjectsOutput{}
	return out, r.write(func(x *tx) error {
		x.quiet = true
		if _, err := r.needBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		for _, asked := range in.Delete.Objects {
			o, err := r.needObject(in.Bucket, asked.Key, nil, asked.VersionId)
			var f *Fault
			switch {
			case err == nil && asked.ETag != nil && !sameETag(*asked.ETag, o.ETag):
				f = preconditionFailed("If-Match")
			case err == nil:
				r.objects.drop(x, o.Key)
			case !isFault(err, "NoSuchKey"):
				errors.As(err, &f)
			}
			switch {
			case f != nil:
				out.Errors = append(out.Errors, types.Error{Key: asked.Key, Code: aws.String(f.Code), Message: aws.String(f.Message)})
			case !aws.ToBool(in.Delete.Quiet):
				out.Deleted = append(out.Deleted, types.DeletedObject{Key: asked.Key})
			}
		}
		return nil
	})
}
