package aws

import (
	"context"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// Bounds of ListCertificates.
const (
	certificatesPerPage = 1000
	namesInSummary      = 100
)

// ListCertificates lists certificates. Unless the call asks for other kinds of keys, only those with RSA keys of 1024 and 2048 bits are
// listed, and only those that have a name.
func (r *Region) ListCertificates(_ context.Context, in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	limit := certificatesPerPage
	if in.MaxItems != nil {
		if *in.MaxItems < 1 || *in.MaxItems > certificatesPerPage {
			return nil, acmInvalid("1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member must be between 1 and %d", *in.MaxItems, certificatesPerPage)
		}
		limit = int(*in.MaxItems)
	}
	if (in.SortBy == "") != (in.SortOrder == "") {
		return nil, acmInvalid("SortBy and SortOrder must be specified together.")
	}
	if in.SortBy != "" && in.SortBy != types.SortByCreatedAt {
		return nil, acmInvalid("Certificates cannot be sorted by %s.", in.SortBy)
	}
	out := &acm.ListCertificatesOutput{}
	err := r.read(func() error {
		matching := []*Certificate{}
		for _, c := range r.certificates.all() {
			if d := r.detailOf(c); !r.unseen(&c.Meta) && listed(&d, in) {
				matching = append(matching, c)
			}
		}
		pos := seqOf[*Certificate]
		if in.SortOrder == types.SortOrderDescending {
			slices.Reverse(matching)
			pos = func(c *Certificate) uint64 { return math.MaxUint64 - c.Seq }
		}
		some, next, ok := page(matching, pos, in.NextToken, limit)
		if !ok {
			return faultf("InvalidArgsException", "The pagination token is not valid.")
		}
		out.NextToken = next
		for _, c := range some {
			out.CertificateSummaryList = append(out.CertificateSummaryList, r.summaryOf(c))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// listed reports whether a certificate passes the filters of a call.
func listed(d *types.CertificateDetail, in *acm.ListCertificatesInput) bool {
	if len(in.CertificateStatuses) > 0 && !slices.Contains(in.CertificateStatuses, d.Status) {
		return false
	}
	origins := in.CertificateKeyPairOrigins
	if len(origins) == 0 {
		origins = []types.CertificateKeyPairOrigin{types.CertificateKeyPairOriginAwsManaged, types.CertificateKeyPairOriginCustomerProvided}
	}
	if !slices.Contains(origins, d.CertificateKeyPairOrigin) {
		return false
	}
	f := types.Filters{}
	if in.Includes != nil {
		f = *in.Includes
	}
	keys := f.KeyTypes
	if len(keys) == 0 {
		keys = []types.KeyAlgorithm{types.KeyAlgorithmRsa1024, types.KeyAlgorithmRsa2048}
		if len(d.SubjectAlternativeNames) == 0 {
			return false
		}
	}
	if !slices.ContainsFunc(keys, func(k types.KeyAlgorithm) bool { return requestedAlgorithm(k) == d.KeyAlgorithm }) {
		return false
	}
	return hasUsages(d, f) && (f.ManagedBy == "" || f.ManagedBy == d.ManagedBy) && (f.ExportOption == "" || f.ExportOption == exportOf(d))
}

func hasUsages(d *types.CertificateDetail, f types.Filters) bool {
	if len(f.KeyUsage) > 0 && !slices.ContainsFunc(d.KeyUsages, func(u types.KeyUsage) bool { return slices.Contains(f.KeyUsage, u.Name) }) {
		return false
	}
	return len(f.ExtendedKeyUsage) == 0 ||
		slices.ContainsFunc(d.ExtendedKeyUsages, func(u types.ExtendedKeyUsage) bool { return slices.Contains(f.ExtendedKeyUsage, u.Name) })
}

func exportOf(d *types.CertificateDetail) types.CertificateExport {
	if d.Options != nil && d.Options.Export != "" {
		return d.Options.Export
	}
	return types.CertificateExportDisabled
}

func (r *Region) summaryOf(c *Certificate) types.CertificateSummary {
	d := r.detailOf(c)
	names := d.SubjectAlternativeNames
	s := types.CertificateSummary{
		CertificateArn: d.CertificateArn, DomainName: d.DomainName, Type: d.Type, Status: d.Status, KeyAlgorithm: d.KeyAlgorithm,
		CertificateKeyPairOrigin: d.CertificateKeyPairOrigin, CreatedAt: d.CreatedAt, ImportedAt: d.ImportedAt, IssuedAt: d.IssuedAt,
		NotBefore: d.NotBefore, NotAfter: d.NotAfter, RenewalEligibility: d.RenewalEligibility, RevokedAt: d.RevokedAt,
		InUse: ptr(len(d.InUseBy) > 0), Exported: ptr(false), ManagedBy: d.ManagedBy, ExportOption: exportOf(&d),
		HasAdditionalSubjectAlternativeNames: ptr(len(names) > namesInSummary),
		SubjectAlternativeNameSummaries:      names[:min(len(names), namesInSummary)],
	}
	for _, u := range d.KeyUsages {
		s.KeyUsages = append(s.KeyUsages, u.Name)
	}
	for _, u := range d.ExtendedKeyUsages {
		s.ExtendedKeyUsages = append(s.ExtendedKeyUsages, u.Name)
	}
	return s
}
