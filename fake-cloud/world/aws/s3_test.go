package aws

import (
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// bucket makes a bucket in the account's region.
func (a *account) bucket(name string) {
	a.t.Helper()
	in := &s3.CreateBucketInput{Bucket: &name}
	if a.Name() != globalRegion {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(a.Name())}
	}
	do(a, a.CreateBucket, in)
}

func (a *account) object(bucket, key, content string) {
	a.t.Helper()
	do(a, a.PutObject, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)})
}

// at returns the account in another region.
func (a *account) at(region string) *account {
	return &account{Region: a.Cloud().Region(region), t: a.t}
}

func TestBuckets(t *testing.T) {
	a := accountFor(t, nil)
	a.bucket("one")
	for name, code := range map[string]string{
		"one": "BucketAlreadyOwnedByYou", "no": "InvalidBucketName", "Upper": "InvalidBucketName", "10.0.0.1": "InvalidBucketName", "a..b": "InvalidBucketName",
		"free": "IllegalLocationConstraintException",
	} {
		in := &s3.CreateBucketInput{Bucket: &name}
		if name == "one" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}
		}
		refused(a, code, a.CreateBucket, in)
	}
	us := a.at(globalRegion)
	us.bucket("two")
	us.bucket("two") // only there is that no error
	refused(us, "InvalidLocationConstraint", us.CreateBucket, &s3.CreateBucketInput{
		Bucket: aws.String("three"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: globalRegion},
	})
	do(us, us.CreateBucket, &s3.CreateBucketInput{
		Bucket: aws.String("three"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
	})
	refused(a, "PermanentRedirect", a.HeadBucket, &s3.HeadBucketInput{Bucket: aws.String("two")})
	refused(a, "NoSuchBucket", a.HeadBucket, &s3.HeadBucketInput{Bucket: aws.String("four")})
	refused(a, "AccessDenied", a.HeadBucket, &s3.HeadBucketInput{Bucket: aws.String("one"), ExpectedBucketOwner: aws.String("999999999999")})
	if got := do(us, us.GetBucketLocation, &s3.GetBucketLocationInput{Bucket: aws.String("three")}); got.LocationConstraint != "eu-west-1" {
		t.Errorf("want the location eu-west-1, got %q", got.LocationConstraint)
	}
	names := func(out *s3.ListBucketsOutput) (list []string) {
		for _, b := range out.Buckets {
			list = append(list, *b.Name)
		}
		return list
	}
	first := do(a, a.ListBuckets, &s3.ListBucketsInput{MaxBuckets: aws.Int32(2)})
	rest := do(a, a.ListBuckets, &s3.ListBucketsInput{ContinuationToken: first.ContinuationToken})
	if diff := cmp.Diff([]string{"one", "three", "two"}, append(names(first), names(rest)...)); diff != "" {
		t.Error(diff)
	}
	a.object("one", "k", "v")
	refused(a, "BucketNotEmpty", a.DeleteBucket, &s3.DeleteBucketInput{Bucket: aws.String("one")})
	do(a, a.DeleteObject, &s3.DeleteObjectInput{Bucket: aws.String("one"), Key: aws.String("k")})
	do(a, a.DeleteBucket, &s3.DeleteBucketInput{Bucket: aws.String("one")})
	refused(a, "NoSuchBucket", a.GetObject, &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("k")})
}

func TestObjectContentIsHeldAgainstWhatIsSaidOfIt(t *testing.T) {
	a := accountFor(t, nil)
	a.bucket("one")
	// Check values of CRC catalogues, and of the hashes' own documents, for the same nine digits.
	put := func(change func(*s3.PutObjectInput)) *s3.PutObjectInput {
		in := &s3.PutObjectInput{Bucket: aws.String("one"), Key: aws.String("digits"), Body: strings.NewReader("123456789")}
		change(in)
		return in
	}
	good := map[string]func(*s3.PutObjectInput){
		"crc32":     func(in *s3.PutObjectInput) { in.ChecksumCRC32 = aws.String("y/Q5Jg==") },
		"crc32c":    func(in *s3.PutObjectInput) { in.ChecksumCRC32C = aws.String("4waSgw==") },
		"crc64nvme": func(in *s3.PutObjectInput) { in.ChecksumCRC64NVME = aws.String("rosUhgp5mIg=") },
		"sha1":      func(in *s3.PutObjectInput) { in.ChecksumSHA1 = aws.String("98O8HYCOBHMq32eZZczDTKeuNEE=") },
		"sha256": func(in *s3.PutObjectInput) {
			in.ChecksumSHA256 = aws.String("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")
		},
		"md5": func(in *s3.PutObjectInput) { in.ContentMD5 = aws.String("JfnnlDI7RTiF9RgfG2JNCw==") },
	}
	for name, change := range good {
		if _, err := a.PutObject(t.Context(), put(change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		in := put(change)
		in.Body = strings.NewReader("123456780")
		refused(a, "BadDigest", a.PutObject, in)
	}
	refused(a, "InvalidDigest", a.PutObject, put(func(in *s3.PutObjectInput) { in.ContentMD5 = aws.String("none") }))
	refused(a, "EntityTooLarge", a.PutObject, put(func(in *s3.PutObjectInput) { in.Body = strings.NewReader(strings.Repeat("x", maxObject+1)) }))
	refused(a, "KeyTooLongError", a.PutObject, put(func(in *s3.PutObjectInput) { in.Key = aws.String(strings.Repeat("k", maxKey+1)) }))
	refused(a, "NotImplemented", a.PutObject, put(func(in *s3.PutObjectInput) { in.ServerSideEncryption = types.ServerSideEncryptionAwsKms }))
}

func TestReadingObjects(t *testing.T) {
	a := accountFor(t, nil)
	a.bucket("one")
	put := do(a, a.PutObject, &s3.PutObjectInput{
		Bucket: aws.String("one"), Key: aws.String("a/b"), Body: strings.NewReader("0123456789"), ContentType: aws.String("text/plain"),
		Metadata: map[string]string{"k": "v"}, Tagging: aws.String("team=edge&x=%2F"),
	})
	read := func(rng string) (string, error) {
		in := &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b")}
		if rng != "" {
			in.Range = &rng
		}
		out, err := a.GetObject(t.Context(), in)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(out.Body)
		return aws.ToString(out.ContentRange) + " " + string(body), err
	}
	for rng, want := range map[string]string{
		"": " 0123456789", "bytes=2-4": "bytes 2-4/10 234", "bytes=8-": "bytes 8-9/10 89", "bytes=-3": "bytes 7-9/10 789", "bytes=5-100": "bytes 5-9/10 56789",
		"bytes=4-2": " 0123456789", "lines=1-2": " 0123456789", "bytes=0-1,3-4": " 0123456789",
	} {
		if got, err := read(rng); got != want || err != nil {
			t.Errorf("range %q: want %q, got %q, %v", rng, want, got, err)
		}
	}
	if _, err := read("bytes=10-"); !isFault(err, "InvalidRange") {
		t.Errorf("want InvalidRange, got %v", err)
	}
	head := do(a, a.HeadObject, &s3.HeadObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b"), ChecksumMode: types.ChecksumModeEnabled})
	if *head.ETag != *put.ETag || *head.ContentLength != 10 || head.Metadata["k"] != "v" || *head.ContentType != "text/plain" || *head.TagCount != 2 ||
		*head.ChecksumCRC64NVME != *put.ChecksumCRC64NVME {
		t.Errorf("got %+v", head)
	}
	refused(a, "NotModified", a.GetObject, &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b"), IfNoneMatch: put.ETag})
	refused(a, "PreconditionFailed", a.GetObject, &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b"), IfMatch: aws.String(`"x"`)})
	refused(a, "PreconditionFailed", a.PutObject, &s3.PutObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b"), IfNoneMatch: aws.String("*")})
	refused(a, "NoSuchKey", a.GetObject, &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("a")})
	refused(a, "NoSuchVersion", a.GetObject, &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("a/b"), VersionId: aws.String("7")})
	do(a, a.PutObjectTagging, &s3.PutObjectTaggingInput{Bucket: aws.String("one"), Key: aws.String("a/b"), Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: aws.String("only"), Value: aws.String("this")}},
	}})
	tags := do(a, a.GetObjectTagging, &s3.GetObjectTaggingInput{Bucket: aws.String("one"), Key: aws.String("a/b")}).TagSet
	if len(tags) != 1 || *tags[0].Key != "only" {
		t.Errorf("got the tags %v", tags)
	}
	refused(a, "InvalidTag", a.PutObjectTagging, &s3.PutObjectTaggingInput{Bucket: aws.String("one"), Key: aws.String("a/b"), Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: aws.String("aws:mine"), Value: aws.String("this")}},
	}})
}

func TestListingObjects(t *testing.T) {
	a := accountFor(t, nil)
	a.bucket("one")
	for _, key := range []string{"b", "a/2", "a/1", "c/x/y", "c/z", "é &"} {
		a.object("one", key, key)
	}
	list := func(in s3.ListObjectsV2Input) (pages []string) {
		in.Bucket = aws.String("one")
		for {
			out := do(a, a.ListObjectsV2, &in)
			var page []string
			for _, o := range out.Contents {
				page = append(page, *o.Key)
			}
			for _, p := range out.CommonPrefixes {
				page = append(page, *p.Prefix+"*")
			}
			slices.Sort(page)
			pages = append(pages, strings.Join(page, " "))
			if in.ContinuationToken = out.NextContinuationToken; in.ContinuationToken == nil {
				return pages
			}
		}
	}
	for _, tc := range []struct {
		reason string
		in     s3.ListObjectsV2Input
		want   []string
	}{
		{"all, by key", s3.ListObjectsV2Input{}, []string{"a/1 a/2 b c/x/y c/z é &"}},
		{"folders", s3.ListObjectsV2Input{Delimiter: aws.String("/")}, []string{"a/* b c/* é &"}},
		{"pages of folders", s3.ListObjectsV2Input{Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)}, []string{"a/*", "b", "c/*", "é &"}},
		{"within a prefix", s3.ListObjectsV2Input{Prefix: aws.String("c/"), Delimiter: aws.String("/")}, []string{"c/x/* c/z"}},
		{"after a key", s3.ListObjectsV2Input{StartAfter: aws.String("c/x/y")}, []string{"c/z é &"}},
		{"names for URLs", s3.ListObjectsV2Input{Prefix: aws.String("é"), EncodingType: types.EncodingTypeUrl}, []string{"%C3%A9+%26"}},
		{"none", s3.ListObjectsV2Input{Prefix: aws.String("none")}, []string{""}},
	} {
		if diff := cmp.Diff(tc.want, list(tc.in)); diff != "" {
			t.Errorf("%s: %s", tc.reason, diff)
		}
	}
	refused(a, "InvalidArgument", a.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: aws.String("one"), ContinuationToken: aws.String("?")})
	out := do(a, a.DeleteObjects, &s3.DeleteObjectsInput{Bucket: aws.String("one"), Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: aws.String("b")}, {Key: aws.String("none")}, {Key: aws.String("a/1"), VersionId: aws.String("7")}},
	}})
	if len(out.Deleted) != 2 || len(out.Errors) != 1 || *out.Errors[0].Code != "NoSuchVersion" {
		t.Errorf("got %v, %v", out.Deleted, out.Errors)
	}
}

func TestObjectsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aws.db")
	open := func() *Cloud {
		c, err := New(Config{Path: path, NoSync: true, Clock: world.ManualClock(start), Dice: world.NewDice(1), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	a := &account{Region: c.Region("eu-west-1"), t: t}
	a.bucket("one")
	want := *do(a, a.PutObject, &s3.PutObjectInput{Bucket: aws.String("one"), Key: aws.String("k"), Body: strings.NewReader("v"), Tagging: aws.String("a=b")}).ETag
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open()
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	a = &account{Region: c.Region("eu-west-1"), t: t}
	got := do(a, a.GetObject, &s3.GetObjectInput{Bucket: aws.String("one"), Key: aws.String("k")})
	if *got.ETag != want || aws.ToInt32(got.TagCount) != 1 {
		t.Errorf("want %s with its tag, got %+v", want, got)
	}
}
