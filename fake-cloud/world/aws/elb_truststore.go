package aws

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// needTrustStore returns the trust store with the ARN. The lock is held.
func (r *Region) needTrustStore(arn *string) (*TrustStore, error) {
	a := aws.ToString(arn)
	switch {
	case a == "":
		return nil, invalidf("A trust store ARN must be specified")
	case !isARN(a, "truststore"):
		return nil, invalidf("'%s' is not a valid trust store ARN", clip(a))
	}
	s, ok := r.trustStores.get(a)
	if !ok {
		return nil, trustStoreNotFound(a)
	}
	return s, nil
}

// maxAuthority is how long one certificate of a bundle is at most.
const maxAuthority = 16 << 10

// readBundle returns the certificates in an object of S3. The lock is held.
func (r *Region) readBundle(bucket, key, version *string) (bundle string, certificates int32, err error) {
	if aws.ToString(bucket) == "" || aws.ToString(key) == "" {
		return "", 0, invalidf("An S3 bucket and key must be specified")
	}
	o, err := r.needObject(bucket, key, nil, version)
	if err != nil {
		return "", 0, faultf("CaCertificatesBundleNotFound", "The CA certificates bundle '%s' in bucket '%s' does not exist", clip(*key), clip(*bucket))
	}
	n := int32(0)
	for rest := o.Content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); block.Type != "CERTIFICATE" || err != nil {
			return "", 0, faultf("InvalidCaCertificatesBundle", "The CA certificates bundle is in an invalid format, or corrupt")
		}
		if len(block.Bytes) > maxAuthority {
			return "", 0, faultf("InvalidCaCertificatesBundle", "The CA certificates bundle has a certificate of more than %d bytes", maxAuthority)
		}
		n++
	}
	switch {
	case n == 0:
		return "", 0, faultf("InvalidCaCertificatesBundle", "The CA certificates bundle has no certificate")
	case int(n) > r.quota("ca-certificates-per-trust-store"):
		return "", 0, faultf("InvalidCaCertificatesBundle", "The CA certificates bundle has more than %d certificates", r.quota("ca-certificates-per-trust-store"))
	}
	return string(o.Content), n, nil
}

// CreateTrustStore implements the action of that name. The bundle has to be there: see PutObject.
func (r *Region) CreateTrustStore(_ context.Context, in *elb.CreateTrustStoreInput) (*elb.CreateTrustStoreOutput, error) {
	if err := checkName("Trust store", in.Name); err != nil {
		return nil, err
	}
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	out := &elb.CreateTrustStoreOutput{}
	return out, r.write(func(x *tx) error {
		bundle, n, err := r.readBundle(in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key, in.CaCertificatesBundleS3ObjectVersion)
		if err != nil {
			return err
		}
		if _, taken := r.trustStores.first(func(s *TrustStore) bool { return s.Name == *in.Name }); taken {
			return faultf("DuplicateTrustStoreName", "A trust store with the same name '%s' exists", *in.Name)
		}
		if len(r.trustStores.all()) >= r.quota("trust-stores-per-account") {
			return faultf("TooManyTrustStores", "The maximum number of trust stores has been reached")
		}
		s := &TrustStore{Name: *in.Name, Bundle: bundle, Certificates: n, NextID: 1, Status: types.TrustStoreStatusCreating}
		s.Meta = x.meta(r.elbARN("truststore/"+s.Name+"/"+x.hex()), tags, x.span(func(s spans) time.Duration { return s.trustStore }))
		if s.Due.IsZero() {
			s.Status = types.TrustStoreStatusActive
		}
		r.trustStores.put(x, s)
		out.TrustStores = []types.TrustStore{s.output()}
		return nil
	})
}

// output returns the trust store as the API shows it.
func (s *TrustStore) output() types.TrustStore {
	entries := int64(0)
	for _, rev := range s.Revocations {
		entries += rev.Entries
	}
	return types.TrustStore{
		TrustStoreArn: aws.String(s.Key), Name: aws.String(s.Name), Status: s.Status,
		NumberOfCaCertificates: aws.Int32(s.Certificates), TotalRevokedEntries: aws.Int64(entries),
	}
}

// ModifyTrustStore implements the action of that name.
func (r *Region) ModifyTrustStore(_ context.Context, in *elb.ModifyTrustStoreInput) (*elb.ModifyTrustStoreOutput, error) {
	out := &elb.ModifyTrustStoreOutput{}
	return out, r.write(func(x *tx) error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		bundle, n, err := r.readBundle(in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key, in.CaCertificatesBundleS3ObjectVersion)
		if err != nil {
			return err
		}
		s = r.trustStores.edit(x, s.Key, func(s *TrustStore) { s.Bundle, s.Certificates = bundle, n })
		out.TrustStores = []types.TrustStore{s.output()}
		return nil
	})
}

// DescribeTrustStores implements the action of that name.
func (r *Region) DescribeTrustStores(_ context.Context, in *elb.DescribeTrustStoresInput) (*elb.DescribeTrustStoresOutput, error) {
	if len(in.TrustStoreArns) > 0 && len(in.Names) > 0 {
		return nil, invalidf("Trust store names and trust store ARNs cannot be specified at the same time")
	}
	out := &elb.DescribeTrustStoresOutput{TrustStores: []types.TrustStore{}}
	return out, r.read(func() error {
		asked := slices.Clone(r.trustStores.all())
		if len(in.TrustStoreArns)+len(in.Names) > 0 {
			asked = slices.DeleteFunc(asked, func(s *TrustStore) bool {
				return !slices.Contains(in.TrustStoreArns, s.Key) && !slices.Contains(in.Names, s.Name)
			})
		}
		for _, want := range slices.Concat(in.TrustStoreArns, in.Names) {
			if !slices.ContainsFunc(asked, func(s *TrustStore) bool { return s.Key == want || s.Name == want }) {
				return trustStoreNotFound(want)
			}
		}
		var err error
		asked, out.NextMarker, err = elbPage(asked, seqOf, in.Marker, in.PageSize, 400)
		for _, s := range asked {
			out.TrustStores = append(out.TrustStores, s.output())
		}
		return err
	})
}

// DeleteTrustStore implements the action of that name.
func (r *Region) DeleteTrustStore(_ context.Context, in *elb.DeleteTrustStoreInput) (*elb.DeleteTrustStoreOutput, error) {
	return &elb.DeleteTrustStoreOutput{}, r.write(func(x *tx) error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		if len(r.usersOf(s.Key)) > 0 {
			return faultf("TrustStoreInUse", "Trust store '%s' is currently in use by a listener", s.Key)
		}
		r.trustStores.drop(x, s.Key)
		return nil
	})
}

// DescribeTrustStoreAssociations implements the action of that name: the listeners that use a trust store.
func (r *Region) DescribeTrustStoreAssociations(_ context.Context, in *elb.DescribeTrustStoreAssociationsInput) (*elb.DescribeTrustStoreAssociationsOutput, error) {
	out := &elb.DescribeTrustStoreAssociationsOutput{TrustStoreAssociations: []types.TrustStoreAssociation{}}
	return out, r.read(func() error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		var users []*Listener
		for _, arn := range r.usersOf(s.Key) {
			if l, ok := r.elbListeners.get(arn); ok {
				users = append(users, l)
			}
		}
		slices.SortFunc(users, func(a, b *Listener) int { return cmp.Compare(a.Seq, b.Seq) })
		users, out.NextMarker, err = elbPage(users, seqOf, in.Marker, in.PageSize, 400)
		for _, l := range users {
			out.TrustStoreAssociations = append(out.TrustStoreAssociations, types.TrustStoreAssociation{ResourceArn: aws.String(l.Key)})
		}
		return err
	})
}

// DeleteSharedTrustStoreAssociation implements the action of that name. Nothing is shared with an account that is alone.
func (r *Region) DeleteSharedTrustStoreAssociation(_ context.Context, in *elb.DeleteSharedTrustStoreAssociationInput) (*elb.DeleteSharedTrustStoreAssociationOutput, error) {
	return nil, r.read(func() error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		if slices.Contains(r.usersOf(s.Key), aws.ToString(in.ResourceArn)) {
			return faultf("DeleteAssociationSameAccount", "The association with '%s' is within the same account", clip(*in.ResourceArn))
		}
		return faultf("AssociationNotFound", "The association with '%s' does not exist", clip(aws.ToString(in.ResourceArn)))
	})
}

// GetResourcePolicy implements the action of that name. Nothing is shared, so no resource has a policy.
func (r *Region) GetResourcePolicy(_ context.Context, in *elb.GetResourcePolicyInput) (*elb.GetResourcePolicyOutput, error) {
	return nil, faultf("ResourceNotFound", "Resource '%s' has no policy", clip(aws.ToString(in.ResourceArn)))
}
