package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// Times of a certificate that ACM issues.
const (
	tokenLife      = time.Hour           // that an idempotency token counts
	validationTime = 72 * time.Hour      // that ACM waits for a domain to be validated
	renewalTime    = 45 * 24 * time.Hour // before its end that a certificate is renewed
	renewalRetry   = 24 * time.Hour      // between two looks whether a certificate is in use
)

// What a name in a certificate is made of. Labels may not begin or end with a hyphen.
var certificateName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`)

var idempotencyToken = regexp.MustCompile(`^\w{1,32}$`)

// RequestCertificate asks for a certificate. With validation by DNS it is issued after a moment: the records that prove the domain
// are taken to be there. With validation by email nobody ever answers, and the request times out after 72 hours.
func (r *Region) RequestCertificate(_ context.Context, in *acm.RequestCertificateInput) (*acm.RequestCertificateOutput, error) {
	names, err := requestedNames(in)
	if err != nil {
		return nil, err
	}
	tags, err := acmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	key, err := newKey(in.KeyAlgorithm)
	if err != nil {
		return nil, err
	}
	token := awssdk.ToString(in.IdempotencyToken)
	var arn string
	err = r.write(func(x *tx) error {
		if again, ok := r.requestedBefore(x, token, names); ok {
			arn = again.Key
			return nil
		}
		if err := r.roomForCertificate("acm-certificates", types.CertificateTypeAmazonIssued); err != nil {
			return err
		}
		if limit := r.quota("acm-domains-per-certificate"); len(names) > limit {
			return faultf("LimitExceededException", "You have exceeded the maximum number of domain names for a certificate: %d.", limit)
		}
		arn = r.arn("acm", "certificate/"+x.uuid())
		return r.newRequest(x, arn, token, names, key, tags, in)
	})
	if err != nil {
		return nil, err
	}
	return &acm.RequestCertificateOutput{CertificateArn: &arn}, nil
}

// requestedNames checks a request and returns its names in lower case, each once, the common name first.
func requestedNames(in *acm.RequestCertificateInput) ([]string, error) {
	var names []string
	for _, name := range append([]string{awssdk.ToString(in.DomainName)}, in.SubjectAlternativeNames...) {
		if !certificateName.MatchString(name) || len(name) > 253 {
			return nil, acmInvalid("1 validation error detected: Value '%s' at 'domainName' failed to satisfy constraint: Member must be a fully qualified domain name", clip(name))
		}
		if name = strings.ToLower(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names[0]) > 64 {
		return nil, acmInvalid("The first domain name can be no longer than 64 characters.")
	}
	if t := in.IdempotencyToken; t != nil && !idempotencyToken.MatchString(*t) {
		return nil, acmInvalid("1 validation error detected: Value '%s' at 'idempotencyToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \\w+", clip(*t))
	}
	switch in.ValidationMethod {
	case "", types.ValidationMethodDns, types.ValidationMethodEmail:
	default:
		return nil, faultf("InvalidParameterException", "The validation method %s is not supported: DNS or EMAIL.", in.ValidationMethod)
	}
	for _, o := range in.DomainValidationOptions {
		name, base := strings.ToLower(awssdk.ToString(o.DomainName)), strings.ToLower(awssdk.ToString(o.ValidationDomain))
		if !slices.Contains(names, name) {
			return nil, faultf("InvalidDomainValidationOptionsException", "%s is not a domain name of the request.", clip(name))
		}
		if bare := strings.TrimPrefix(name, "*."); bare != base && !strings.HasSuffix(bare, "."+base) {
			return nil, faultf("InvalidDomainValidationOptionsException", "%s is not %s or a superdomain of it.", clip(base), clip(name))
		}
	}
	return names, nil
}

// requestedBefore finds what the same token has asked for within the last hour.
func (r *Region) requestedBefore(x *tx, token string, names []string) (*Certificate, bool) {
	if token == "" {
		return nil, false
	}
	return r.certificates.first(func(c *Certificate) bool {
		return c.Token == token && x.now.Before(c.Created.Add(tokenLife)) && slices.Equal(c.Detail.SubjectAlternativeNames, names)
	})
}

func (r *Region) newRequest(x *tx, arn, token string, names []string, key string, tags map[string]string, in *acm.RequestCertificateInput) error {
	method := in.ValidationMethod
	if method == "" {
		method = types.ValidationMethodEmail
	}
	wait := x.span(func(s spans) time.Duration { return s.certificate })
	if method == types.ValidationMethodEmail {
		wait = validationTime
	}
	c := &Certificate{Meta: x.meta(arn, tags, wait), KeyPEM: key, Token: token}
	c.Detail = types.CertificateDetail{
		CertificateArn: &arn, DomainName: &names[0], SubjectAlternativeNames: names, Type: types.CertificateTypeAmazonIssued,
		Status: types.CertificateStatusPendingValidation, CertificateKeyPairOrigin: types.CertificateKeyPairOriginAwsManaged,
		RenewalEligibility: types.RenewalEligibilityIneligible, CreatedAt: ptr(x.now), KeyAlgorithm: requestedAlgorithm(in.KeyAlgorithm),
		Options: logging(types.CertificateTransparencyLoggingPreferenceEnabled),
	}
	if in.Options != nil && in.Options.Export != "" {
		c.Detail.Options.Export = in.Options.Export
	}
	for _, name := range names {
		c.Detail.DomainValidationOptions = append(c.Detail.DomainValidationOptions, r.validationOf(name, method, in.DomainValidationOptions))
	}
	if in.CertificateAuthorityArn != nil {
		// There are no private authorities here, and a request for one fails after it was taken.
		c.Due, c.Detail.Type, c.Detail.DomainValidationOptions = time.Time{}, types.CertificateTypePrivate, nil
		c.Detail.CertificateAuthorityArn = in.CertificateAuthorityArn
		c.Detail.Status, c.Detail.FailureReason = types.CertificateStatusFailed, types.FailureReasonPcaResourceNotFound
	} else if wait == 0 {
		if err := r.conclude(x, c); err != nil {
			return err
		}
	}
	r.certificates.put(x, c)
	return nil
}

// requestedAlgorithm spells the algorithm as DescribeCertificate does.
func requestedAlgorithm(a types.KeyAlgorithm) types.KeyAlgorithm {
	if a == "" {
		a = types.KeyAlgorithmRsa2048
	}
	return types.KeyAlgorithm(strings.Replace(string(a), "_", "-", 1))
}

// validationOf says how a name is proved. A domain and its wildcard have the same record, and the same again in every request.
func (r *Region) validationOf(name string, method types.ValidationMethod, options []types.DomainValidationOption) types.DomainValidation {
	bare := strings.TrimPrefix(name, "*.")
	v := types.DomainValidation{
		DomainName: &name, ValidationDomain: &bare, ValidationMethod: method, ValidationStatus: types.DomainStatusPendingValidation,
	}
	if method == types.ValidationMethodDns {
		digest := func(of string) string {
			sum := sha256.Sum256([]byte(*r.owner() + "|" + of + "|" + bare))
			return hex.EncodeToString(sum[:])
		}
		value := digest("value")
		v.ResourceRecord = &types.ResourceRecord{
			Name: ptr("_" + digest("name")[:32] + "." + bare + "."), Type: types.RecordTypeCname,
			Value: ptr("_" + value[:32] + "." + value[32:42] + ".acm-validations.aws."),
		}
		return v
	}
	for _, o := range options {
		if strings.EqualFold(awssdk.ToString(o.DomainName), name) {
			v.ValidationDomain = o.ValidationDomain
		}
	}
	for _, who := range []string{"admin", "administrator", "hostmaster", "postmaster", "webmaster"} {
		v.ValidationEmails = append(v.ValidationEmails, who+"@"+*v.ValidationDomain)
	}
	return v
}

// finishCertificate issues a certificate that was asked for, gives up a validation that nobody has done, or renews. The lock is held.
func (r *Region) finishCertificate(x *tx, was *Certificate) {
	next := *was
	next.Due = time.Time{}
	step := r.conclude
	if was.Detail.Status == types.CertificateStatusIssued {
		step = r.renew
	}
	if err := step(x, &next); err != nil {
		r.cloud.cfg.Log.Error("certificate cannot be issued", "certificate", was.Key, "error", err)
		next = *was
		next.Due = time.Time{}
		if was.Detail.Status == types.CertificateStatusPendingValidation {
			next.Detail.Status, next.Detail.FailureReason = types.CertificateStatusFailed, types.FailureReasonOther
		}
	}
	r.certificates.put(x, &next)
}

// renew issues a certificate again that is in use. One that is not is looked at again, until it has expired. c is in no table yet.
func (r *Region) renew(x *tx, c *Certificate) error {
	if len(r.usersOf(c.Key)) == 0 {
		if again := x.now.Add(renewalRetry); again.Before(*c.Detail.NotAfter) {
			c.Due = again
		}
		return nil
	}
	c.Detail.RenewalSummary = &types.RenewalSummary{
		RenewalStatus: types.RenewalStatusSuccess, UpdatedAt: ptr(x.now), DomainValidationOptions: c.Detail.DomainValidationOptions,
	}
	return r.signAgain(x, c)
}

// conclude ends a request. c is in no table yet.
func (r *Region) conclude(x *tx, c *Certificate) error {
	if c.Detail.Status != types.CertificateStatusPendingValidation {
		return nil
	}
	validations := slices.Clone(c.Detail.DomainValidationOptions)
	status := types.DomainStatusSuccess
	if validations[0].ValidationMethod == types.ValidationMethodEmail {
		status = types.DomainStatusFailed
	}
	for i := range validations {
		validations[i].ValidationStatus = status
	}
	c.Detail.DomainValidationOptions = validations
	if status == types.DomainStatusFailed {
		c.Detail.Status = types.CertificateStatusValidationTimedOut
		return nil
	}
	c.Detail.Status, c.Detail.IssuedAt = types.CertificateStatusIssued, ptr(x.now)
	return r.signAgain(x, c)
}

// signAgain puts a new certificate for its names and its key into c, and makes it due for renewal.
func (r *Region) signAgain(x *tx, c *Certificate) error {
	names := c.Detail.SubjectAlternativeNames
	certificate, chain, err := r.issue(x, names, c.KeyPEM)
	if err != nil {
		return err
	}
	leaf, err := readLeaf([]byte(certificate))
	if err != nil {
		return err
	}
	c.CertificatePEM, c.ChainPEM = certificate, chain
	material{leaf: leaf, algorithm: keyAlgorithm(leaf.PublicKey)}.describe(&c.Detail)
	c.Detail.SubjectAlternativeNames, c.Detail.DomainName = names, &names[0]
	c.Due = leaf.NotAfter.Add(-renewalTime)
	return nil
}
