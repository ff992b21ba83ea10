package aws

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// globalRegion is the region where the account has what AWS has once for all regions. S3's endpoint there makes buckets in every region, and S3
// tells of it as no location at all.
const globalRegion = "us-east-1"

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	ipv4Like   = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
)

func checkBucketName(name string) error {
	reserved := slices.ContainsFunc([]string{"xn--", "sthree-", "amzn-s3-demo-"}, func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc([]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3"}, func(s string) bool { return strings.HasSuffix(name, s) })
	if !bucketName.MatchString(name) || ipv4Like.MatchString(name) || strings.Contains(name, "..") || reserved {
		return s3Fault("InvalidBucketName", 400, "The specified bucket is not valid.").about("BucketName", name)
	}
	return nil
}

// homeOf returns the region that has the bucket, nil where none has. The lock is held.
func (c *Cloud) homeOf(bucket string) *Region {
	for _, r := range c.regions {
		if _, ok := r.buckets.get(bucket); ok {
			return r
		}
	}
	return nil
}

// needBucket returns the bucket that a call names. The lock is held.
func (r *Region) needBucket(name *string, owner *string) (*Bucket, error) {
	b, ok := r.buckets.get(aws.ToString(name))
	switch {
	case ok && owner != nil && *owner != r.cloud.cfg.AccountID:
		return nil, s3Fault("AccessDenied", 403, "Access Denied")
	case ok:
		return b, nil
	}
	if home := r.cloud.homeOf(aws.ToString(name)); home != nil {
		return nil, elsewhere(home.name)
	}
	return nil, noSuchBucket(aws.ToString(name))
}

// CreateBucket implements the action of that name. Region us-east-1 makes buckets in every region.
func (r *Region) CreateBucket(_ context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	name := aws.ToString(in.Bucket)
	if err := checkBucketName(name); err != nil {
		return nil, err
	}
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		return nil, s3NotServed()
	}
	home, tags, err := r.locate(in.CreateBucketConfiguration)
	if err != nil {
		return nil, err
	}
	err = home.write(func(x *tx) error {
		x.quiet = true
		if there := r.cloud.homeOf(name); there != nil {
			if there == home && home.name == globalRegion && r == home {
				return nil // only there is a repeated call no error
			}
			return s3Fault("BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it.").
				about("BucketName", name)
		}
		count := 0
		for _, other := range r.cloud.regions {
			count += len(other.buckets.all())
		}
		if count >= r.quota("s3-buckets") {
			return s3Fault("TooManyBuckets", 400, "You have attempted to create more buckets than allowed")
		}
		home.buckets.put(x, &Bucket{Meta: x.meta(name, tags, 0)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &s3.CreateBucketOutput{Location: aws.String("/" + name), BucketArn: aws.String("arn:" + r.partition() + ":s3:::" + name)}, nil
}

// locate returns the region in which a bucket is to be, and its tags.
func (r *Region) locate(in *types.CreateBucketConfiguration) (*Region, map[string]string, error) {
	if in == nil {
		in = &types.CreateBucketConfiguration{}
	}
	if in.Bucket != nil || in.Location != nil {
		return nil, nil, s3NotServed() // directory buckets
	}
	tags, err := s3Tags(in.Tags, maxTags)
	if err != nil {
		return nil, nil, err
	}
	asked := string(in.LocationConstraint)
	if asked == string(types.BucketLocationConstraintEu) {
		asked = "eu-west-1"
	}
	known := slices.Contains(in.LocationConstraint.Values(), in.LocationConstraint)
	switch {
	case asked == "" && r.name == globalRegion, asked == r.name && r.name != globalRegion:
		return r, tags, nil
	case asked == "":
		return nil, nil, s3Fault("IllegalLocationConstraintException", 400,
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case asked == globalRegion || !known:
		return nil, nil, s3Fault("InvalidLocationConstraint", 400, "The specified location-constraint is not valid").about("LocationConstraint", asked)
	case r.name == globalRegion:
		return r.cloud.Region(asked), tags, nil
	default:
		return nil, nil, s3Fault("IllegalLocationConstraintException", 400,
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", clip(asked))
	}
}

// HeadBucket implements the action of that name.
func (r *Region) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	return &s3.HeadBucketOutput{BucketRegion: aws.String(r.name), AccessPointAlias: aws.Bool(false)}, r.read(func() error {
		_, err := r.needBucket(in.Bucket, in.ExpectedBucketOwner)
		return err
	})
}

// GetBucketLocation implements the action of that name, which every region answers for all.
func (r *Region) GetBucketLocation(_ context.Context, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	out := &s3.GetBucketLocationOutput{}
	return out, r.read(func() error {
		home := r.cloud.homeOf(aws.ToString(in.Bucket))
		if home == nil {
			return noSuchBucket(aws.ToString(in.Bucket))
		}
		if home.name != globalRegion {
			out.LocationConstraint = types.BucketLocationConstraint(home.name)
		}
		_, err := home.needBucket(in.Bucket, in.ExpectedBucketOwner)
		return err
	})
}

// DeleteBucket implements the action of that name.
func (r *Region) DeleteBucket(_ context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	return &s3.DeleteBucketOutput{}, r.write(func(x *tx) error {
		x.quiet = true
		b, err := r.needBucket(in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		if len(r.objects.of(b.Key)) > 0 {
			return s3Fault("BucketNotEmpty", 409, "The bucket you tried to delete is not empty").about("BucketName", b.Key)
		}
		r.buckets.drop(x, b.Key)
		return nil
	})
}

// ListBuckets implements the action of that name: those of all regions, by name.
func (r *Region) ListBuckets(_ context.Context, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	limit := int(cmp.Or(aws.ToInt32(in.MaxBuckets), 10000))
	if limit < 1 || limit > 10000 {
		return nil, badArgument("Argument max-buckets must be an integer between 1 and 10000")
	}
	after, err := s3Position(in.ContinuationToken)
	if err != nil {
		return nil, err
	}
	out := &s3.ListBucketsOutput{Owner: r.s3Owner(), Prefix: in.Prefix, Buckets: []types.Bucket{}}
	return out, r.read(func() error {
		var all []types.Bucket
		for _, home := range r.cloud.regions {
			for _, b := range home.buckets.all() {
				asked := in.BucketRegion == nil || *in.BucketRegion == home.name
				if asked && strings.HasPrefix(b.Key, aws.ToString(in.Prefix)) && b.Key > after {
					all = append(all, types.Bucket{Name: aws.String(b.Key), CreationDate: aws.Time(b.Created), BucketRegion: aws.String(home.name)})
				}
			}
		}
		slices.SortFunc(all, func(a, b types.Bucket) int { return cmp.Compare(*a.Name, *b.Name) })
		if len(all) > limit {
			all = all[:limit]
			out.ContinuationToken = s3Token(*all[limit-1].Name)
		}
		out.Buckets = append(out.Buckets, all...)
		return nil
	})
}

// s3Owner is the account as S3 names owners.
func (r *Region) s3Owner() *types.Owner {
	return &types.Owner{ID: aws.String(strings.Repeat(r.cloud.cfg.AccountID, 6)[:64])}
}
