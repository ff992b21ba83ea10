package aws

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// AddTrustStoreRevocations implements the action of that name. The lists have to be there: see PutObject.
func (r *Region) AddTrustStoreRevocations(_ context.Context, in *elb.AddTrustStoreRevocationsInput) (*elb.AddTrustStoreRevocationsOutput, error) {
	out := &elb.AddTrustStoreRevocationsOutput{}
	return out, r.write(func(x *tx) error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		if len(in.RevocationContents) == 0 {
			return invalidf("Revocation contents must be specified")
		}
		next := *s
		next.Revocations = slices.Clone(s.Revocations)
		for _, c := range in.RevocationContents {
			rev, err := r.readRevocation(c)
			if err != nil {
				return err
			}
			rev.ID = next.NextID
			next.NextID++
			next.Revocations = append(next.Revocations, rev)
			out.TrustStoreRevocations = append(out.TrustStoreRevocations, types.TrustStoreRevocation{
				TrustStoreArn: aws.String(s.Key), RevocationId: aws.Int64(rev.ID), NumberOfRevokedEntries: aws.Int64(rev.Entries), RevocationType: types.RevocationTypeCrl,
			})
		}
		entries := int64(0)
		for _, rev := range next.Revocations {
			entries += rev.Entries
		}
		if entries > int64(r.quota("revocation-entries-per-trust-store")) || len(next.Revocations) > r.quota("trust-store-revocation-lists-per-trust-store") {
			return faultf("TooManyTrustStoreRevocationEntries", "The trust store '%s' has too many revocation entries", s.Key)
		}
		r.trustStores.put(x, &next)
		return nil
	})
}

func (r *Region) readRevocation(c types.RevocationContent) (Revocation, error) {
	if c.RevocationType != "" && c.RevocationType != types.RevocationTypeCrl {
		return Revocation{}, invalidf("'%s' is not a valid revocation type", clip(string(c.RevocationType)))
	}
	o, err := r.needObject(c.S3Bucket, c.S3Key, nil, c.S3ObjectVersion)
	if err != nil {
		return Revocation{}, faultf("RevocationContentNotFound", "The revocation file '%s' in bucket '%s' does not exist", clip(aws.ToString(c.S3Key)), clip(aws.ToString(c.S3Bucket)))
	}
	der := o.Content
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return Revocation{}, faultf("InvalidRevocationContent", "The revocation file is in an invalid format, or uses an incorrect algorithm")
	}
	return Revocation{Entries: int64(len(list.RevokedCertificateEntries)), Content: string(o.Content), Source: c}, nil
}

// RemoveTrustStoreRevocations implements the action of that name.
func (r *Region) RemoveTrustStoreRevocations(_ context.Context, in *elb.RemoveTrustStoreRevocationsInput) (*elb.RemoveTrustStoreRevocationsOutput, error) {
	return &elb.RemoveTrustStoreRevocationsOutput{}, r.write(func(x *tx) error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		next := slices.Clone(s.Revocations)
		for _, id := range in.RevocationIds {
			i := slices.IndexFunc(next, func(rev Revocation) bool { return rev.ID == id })
			if i < 0 {
				return faultf("RevocationIdNotFound", "The revocation ID '%d' does not exist", id)
			}
			next = slices.Delete(next, i, i+1)
		}
		r.trustStores.edit(x, s.Key, func(s *TrustStore) { s.Revocations = next })
		return nil
	})
}

// DescribeTrustStoreRevocations implements the action of that name.
func (r *Region) DescribeTrustStoreRevocations(_ context.Context, in *elb.DescribeTrustStoreRevocationsInput) (*elb.DescribeTrustStoreRevocationsOutput, error) {
	out := &elb.DescribeTrustStoreRevocationsOutput{TrustStoreRevocations: []types.DescribeTrustStoreRevocation{}}
	return out, r.read(func() error {
		s, err := r.needTrustStore(in.TrustStoreArn)
		if err != nil {
			return err
		}
		asked := slices.Clone(s.Revocations)
		for _, id := range in.RevocationIds {
			if !slices.ContainsFunc(asked, func(rev Revocation) bool { return rev.ID == id }) {
				return faultf("RevocationIdNotFound", "The revocation ID '%d' does not exist", id)
			}
		}
		if len(in.RevocationIds) > 0 {
			asked = slices.DeleteFunc(asked, func(rev Revocation) bool { return !slices.Contains(in.RevocationIds, rev.ID) })
		}
		asked, out.NextMarker, err = elbPage(asked, func(rev Revocation) uint64 { return uint64(rev.ID) }, in.Marker, in.PageSize, 400)
		for _, rev := range asked {
			out.TrustStoreRevocations = append(out.TrustStoreRevocations, types.DescribeTrustStoreRevocation{
				TrustStoreArn: aws.String(s.Key), RevocationId: aws.Int64(rev.ID), NumberOfRevokedEntries: aws.Int64(rev.Entries), RevocationType: types.RevocationTypeCrl,
			})
		}
		return err
	})
}
