package aws

import (
	"context"
	"maps"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// ImportCertificate takes a certificate, or another one in the place of one that was imported.
func (r *Region) ImportCertificate(_ context.Context, in *acm.ImportCertificateInput) (*acm.ImportCertificateOutput, error) {
	m, err := readMaterial(in.Certificate, in.CertificateChain, in.PrivateKey, r.cloud.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	tags, err := acmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	var arn string
	err = r.write(func(x *tx) error {
		if in.CertificateArn != nil {
			if len(tags) > 0 {
				return acmInvalid("Tagging is not permitted on re-import.")
			}
			arn = *in.CertificateArn
			return r.reimport(x, in.CertificateArn, m)
		}
		if err := r.roomForCertificate("acm-imported-certificates", types.CertificateTypeImported); err != nil {
			return err
		}
		arn = r.arn("acm", "certificate/"+x.uuid())
		c := &Certificate{Meta: x.meta(arn, tags, 0), CertificatePEM: m.certificate, ChainPEM: m.chain, KeyPEM: m.key}
		c.Detail = types.CertificateDetail{
			CertificateArn: &arn, Type: types.CertificateTypeImported, Status: types.CertificateStatusIssued,
			CertificateKeyPairOrigin: types.CertificateKeyPairOriginCustomerProvided, RenewalEligibility: types.RenewalEligibilityIneligible,
			CreatedAt: ptr(x.now), ImportedAt: ptr(x.now),
			Options: logging(types.CertificateTransparencyLoggingPreferenceDisabled),
		}
		m.describe(&c.Detail)
		r.certificates.put(x, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &acm.ImportCertificateOutput{CertificateArn: &arn}, nil
}

// logging returns the options of a certificate, of which ACM still shows what nobody can choose any more.
func logging(p types.CertificateTransparencyLoggingPreference) *types.CertificateOptions {
	//nolint:staticcheck // deprecated for callers, and shown to them
	return &types.CertificateOptions{CertificateTransparencyLoggingPreference: p, Export: types.CertificateExportDisabled}
}

// roomForCertificate holds the account to its quotas of all certificates and of those of one type.
func (r *Region) roomForCertificate(quota string, of types.CertificateType) error {
	n := 0
	for _, c := range r.certificates.all() {
		if c.Detail.Type == of {
			n++
		}
	}
	if n >= r.quota(quota) || len(r.certificates.all()) >= r.quota("acm-certificates") {
		return faultf("LimitExceededException", "You have reached the maximum number of certificates. Delete certificates that are not in use, or contact AWS Support to request an increase.")
	}
	return nil
}

// reimport holds the new certificate to what may not change: the kind of key, and uses that the old one had.
func (r *Region) reimport(x *tx, arn *string, m material) error {
	was, err := r.needCertificate(arn)
	if err != nil {
		return err
	}
	if was.Detail.Type != types.CertificateTypeImported {
		return faultf("InvalidParameterException", "Certificate %s was not imported and cannot be imported again.", *arn)
	}
	var next types.CertificateDetail
	m.describe(&next)
	if next.KeyAlgorithm != was.Detail.KeyAlgorithm {
		return acmInvalid("The key type and size of a certificate cannot change when it is imported again: it has %s, the new one %s.", was.Detail.KeyAlgorithm, next.KeyAlgorithm)
	}
	for _, u := range was.Detail.KeyUsages {
		if !slices.Contains(next.KeyUsages, u) {
			return acmInvalid("Key usage %s cannot be removed when a certificate is imported again.", u.Name)
		}
	}
	for _, u := range was.Detail.ExtendedKeyUsages {
		if !slices.ContainsFunc(next.ExtendedKeyUsages, func(n types.ExtendedKeyUsage) bool {
			return n.Name == u.Name && awssdk.ToString(n.OID) == awssdk.ToString(u.OID)
		}) {
			return acmInvalid("Extended key usage %s cannot be removed when a certificate is imported again.", u.Name)
		}
	}
	r.certificates.edit(x, was.Key, func(c *Certificate) {
		c.CertificatePEM, c.ChainPEM, c.KeyPEM = m.certificate, m.chain, m.key
		c.Detail.ImportedAt, c.Detail.DomainName = ptr(x.now), nil
		m.describe(&c.Detail)
	})
	return nil
}

// DescribeCertificate shows a certificate.
func (r *Region) DescribeCertificate(_ context.Context, in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	var detail types.CertificateDetail
	err := r.read(func() error {
		c, err := r.needCertificate(in.CertificateArn)
		if err != nil {
			return err
		}
		if r.unseen(&c.Meta) {
			return noCertificate(c.Key, *r.owner())
		}
		detail = r.detailOf(c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &acm.DescribeCertificateOutput{Certificate: &detail}, nil
}

// detailOf adds what depends on the time and on others: whether the certificate has expired, who uses it, whether it is renewed.
func (r *Region) detailOf(c *Certificate) types.CertificateDetail {
	d := c.Detail
	d.InUseBy = r.usersOfCertificate(c.Key)
	if d.Status == types.CertificateStatusIssued && d.NotAfter != nil && r.cloud.cfg.Clock.Now().After(*d.NotAfter) {
		d.Status = types.CertificateStatusExpired
	}
	if d.Type == types.CertificateTypeAmazonIssued && d.Status == types.CertificateStatusIssued && len(d.InUseBy) > 0 {
		d.RenewalEligibility = types.RenewalEligibilityEligible
	}
	return d
}

// usersOfCertificate returns the ARNs of the load balancers whose listeners have the certificate.
func (r *Region) usersOfCertificate(arn string) []string {
	users := []string{}
	for _, key := range r.usersOf(arn) {
		if l, ok := r.elbListeners.get(key); ok && !slices.Contains(users, l.LoadBalancer) {
			users = append(users, l.LoadBalancer)
		}
	}
	return users
}

// GetCertificate returns a certificate and its chain; never its key.
func (r *Region) GetCertificate(_ context.Context, in *acm.GetCertificateInput) (*acm.GetCertificateOutput, error) {
	out := &acm.GetCertificateOutput{}
	err := r.read(func() error {
		c, err := r.needCertificate(in.CertificateArn)
		if err != nil {
			return err
		}
		if c.Detail.NotAfter == nil {
			return faultf("RequestInProgressException", "Certificate %s is in status %s and was not issued yet.", c.Key, c.Detail.Status)
		}
		out.Certificate, out.CertificateChain = &c.CertificatePEM, nonEmpty(c.ChainPEM)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteCertificate deletes a certificate that nothing uses.
func (r *Region) DeleteCertificate(_ context.Context, in *acm.DeleteCertificateInput) (*acm.DeleteCertificateOutput, error) {
	err := r.write(func(x *tx) error {
		c, err := r.needCertificate(in.CertificateArn)
		if err != nil {
			return err
		}
		if len(r.usersOf(c.Key)) > 0 {
			return faultf("ResourceInUseException", "Certificate %s in account %s is in use.", c.Key, *r.owner())
		}
		r.certificates.drop(x, c.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &acm.DeleteCertificateOutput{}, nil
}

// AddTagsToCertificate sets tags of a certificate.
func (r *Region) AddTagsToCertificate(_ context.Context, in *acm.AddTagsToCertificateInput) (*acm.AddTagsToCertificateOutput, error) {
	if len(in.Tags) == 0 {
		return nil, acmInvalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	tags, err := acmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	err = r.editCertificateTags(in.CertificateArn, func(all map[string]string) { maps.Copy(all, tags) })
	if err != nil {
		return nil, err
	}
	return &acm.AddTagsToCertificateOutput{}, nil
}

// RemoveTagsFromCertificate removes tags: with a value only where the tag has that one.
func (r *Region) RemoveTagsFromCertificate(_ context.Context, in *acm.RemoveTagsFromCertificateInput) (*acm.RemoveTagsFromCertificateOutput, error) {
	if len(in.Tags) == 0 {
		return nil, acmInvalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	err := r.editCertificateTags(in.CertificateArn, func(all map[string]string) {
		for _, t := range in.Tags {
			key := awssdk.ToString(t.Key)
			if value, ok := all[key]; ok && (t.Value == nil || *t.Value == value) {
				delete(all, key)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return &acm.RemoveTagsFromCertificateOutput{}, nil
}

func (r *Region) editCertificateTags(arn *string, change func(map[string]string)) error {
	return r.write(func(x *tx) error {
		c, err := r.needCertificate(arn)
		if err != nil {
			return err
		}
		tags := maps.Clone(c.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		change(tags)
		if err := acmTagCount(tags); err != nil {
			return err
		}
		r.certificates.edit(x, c.Key, func(c *Certificate) { c.Tags = tags })
		return nil
	})
}

// ListTagsForCertificate lists the tags of a certificate.
func (r *Region) ListTagsForCertificate(_ context.Context, in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput, error) {
	out := &acm.ListTagsForCertificateOutput{}
	err := r.read(func() error {
		c, err := r.needCertificate(in.CertificateArn)
		if err != nil {
			return err
		}
		out.Tags = acmTagSet(c.Tags)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
