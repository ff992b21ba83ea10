package aws

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// createCertificate imports a certificate. To import is no idempotent call, so an import whose answer was lost is looked for first.
func (a *applier) createCertificate(ctx context.Context, want graph.Node, spec *Certificate) (graph.Node, error) {
	const op = "ImportCertificate"
	leaf, rest := splitChain([]byte(spec.Chain))
	if leaf == nil {
		return graph.Node{}, invalid(op, "it has no certificate in PEM")
	}
	spec = &Certificate{Marked: observedMark(spec.Tags), Chain: spec.Chain, Key: spec.Key}
	done := made(want, "", &Certificate{Marked: spec.Marked})
	found, tags, err := a.findImported(ctx, want.ID, namesOfLeaf(leaf))
	if err != nil {
		return graph.Node{}, err
	}
	if found != "" {
		done.External = found
		done.Spec = &Certificate{Marked: observedMark(tags)}
		return a.adopt(op, "the place of the certificate", want, done)
	}
	out, err := call(ctx, a.acm.ImportCertificate, &acm.ImportCertificateInput{
		Certificate: leaf, CertificateChain: rest, PrivateKey: []byte(spec.Key), Tags: acmTags(spec.Tags),
	})
	if err != nil {
		return graph.Node{}, err
	}
	if done.External = aws.ToString(out.CertificateArn); done.External == "" {
		return graph.Node{}, badAnswer(op)
	}
	return done, nil
}

// splitChain returns the first certificate of a chain and the others, in PEM. Both are nil where there is none.
func splitChain(chain []byte) (leaf, rest []byte) {
	for {
		block, more := pem.Decode(chain)
		if block == nil {
			return leaf, rest
		}
		chain = more
		if block.Type != "CERTIFICATE" {
			continue
		}
		text := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
		if leaf == nil {
			leaf = text
		} else {
			rest = append(rest, text...)
		}
	}
}

// namesOfLeaf are the names that ACM can list a certificate under. None where it cannot be read: then ACM will say why.
func namesOfLeaf(leaf []byte) []string {
	block, _ := pem.Decode(leaf)
	if block == nil {
		return nil
	}
	crt, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return append(slices.Clone(crt.DNSNames), crt.Subject.CommonName)
}

// allKeyTypes has ACM list certificates whatever their keys. By itself it lists only those with short RSA keys.
func allKeyTypes() *acmtypes.Filters {
	return &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()}
}

const certificatesPage = 1000

func (p *Provider) certificates(ctx context.Context) ([]acmtypes.CertificateSummary, error) {
	return collect(ctx, acm.NewListCertificatesPaginator(p.acm, &acm.ListCertificatesInput{
		Includes: allKeyTypes(), MaxItems: aws.Int32(certificatesPage),
	}), func(o *acm.ListCertificatesOutput) []acmtypes.CertificateSummary { return o.CertificateSummaryList })
}

// findImported returns the ARN and tags of the owner's certificate that has id, empty where there is none. It asks ACM itself: what the
// tagging API tells of a certificate that has just been imported may be late.
func (a *applier) findImported(ctx context.Context, id graph.ID, hosts []string) (string, map[string]string, error) {
	all, err := a.certificates(ctx)
	if err != nil {
		return "", nil, err
	}
	slices.SortFunc(all, func(x, y acmtypes.CertificateSummary) int {
		return strings.Compare(aws.ToString(x.CertificateArn), aws.ToString(y.CertificateArn))
	})
	for _, c := range all {
		if c.Type != acmtypes.CertificateTypeImported || !sharesName(summaryNames(c), hosts) {
			continue
		}
		arn := aws.ToString(c.CertificateArn)
		tags, err := a.certificateTags(ctx, arn)
		if isGone(err) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if ownerOf(tags) == a.owner && tags[tagName] == id.Name {
			return arn, tags, nil
		}
	}
	return "", nil, nil
}

func summaryNames(c acmtypes.CertificateSummary) []string {
	return append(slices.Clone(c.SubjectAlternativeNameSummaries), aws.ToString(c.DomainName))
}

// sharesName tells whether a certificate that is listed under names can be that of hosts. One without names can be any.
func sharesName(names, hosts []string) bool {
	some := slices.ContainsFunc(names, func(name string) bool { return name != "" })
	return !some || slices.ContainsFunc(names, func(name string) bool {
		return name != "" && slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(name, host) })
	})
}

func (p *Provider) certificateTags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := call(ctx, p.acm.ListTagsForCertificate, &acm.ListTagsForCertificateInput{CertificateArn: aws.String(arn)})
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(out.Tags))
	for _, t := range out.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// updateCertificate changes the tags: all else of a certificate is in its name.
func (a *applier) updateCertificate(ctx context.Context, want graph.Node, spec *Certificate, got graph.Node) (graph.Node, error) {
	have, err := gotSpec[Certificate]("AddTagsToCertificate", got)
	if err != nil {
		return graph.Node{}, err
	}
	set, remove := tagChanges(spec.Tags, have.Tags)
	if len(set) > 0 {
		in := &acm.AddTagsToCertificateInput{CertificateArn: aws.String(got.External), Tags: acmTags(set)}
		if _, err := call(ctx, a.acm.AddTagsToCertificate, in); err != nil {
			return graph.Node{}, err
		}
	}
	if len(remove) > 0 {
		in := &acm.RemoveTagsFromCertificateInput{CertificateArn: aws.String(got.External)}
		for _, key := range remove {
			in.Tags = append(in.Tags, acmtypes.Tag{Key: aws.String(key)})
		}
		if _, err := call(ctx, a.acm.RemoveTagsFromCertificate, in); err != nil {
			return graph.Node{}, err
		}
	}
	return made(want, got.External, &Certificate{Marked: observedMark(spec.Tags)}), nil
}

func (a *applier) deleteCertificate(ctx context.Context, got graph.Node) error {
	_, err := call(ctx, a.acm.DeleteCertificate, &acm.DeleteCertificateInput{CertificateArn: aws.String(got.External)})
	return err
}

// readCertificate makes sure that a certificate which the tagging API tells of is there: what was deleted may be listed for a while.
func (p *Provider) readCertificate(ctx context.Context, known namer, c tagged[string]) ([]graph.Node, error) {
	if _, err := p.describeCertificate(ctx, c.arn); err != nil {
		return nil, err
	}
	return []graph.Node{node(known[c.arn], c.arn, &Certificate{Marked: observedMark(c.tags)})}, nil
}

func (p *Provider) describeCertificate(ctx context.Context, arn string) (*acmtypes.CertificateDetail, error) {
	const op = "DescribeCertificate"
	out, err := call(ctx, p.acm.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: aws.String(arn)})
	if err != nil {
		return nil, err
	}
	if out.Certificate == nil {
		return nil, badAnswer(op)
	}
	return out.Certificate, nil
}

// readChoice tells which certificate a listener has: the owner's, or another and what it is for.
func (p *Provider) readChoice(ctx context.Context, known namer, arn string) (CertificateChoice, error) {
	choice := CertificateChoice{ARN: arn}
	if id, ours := known[arn]; ours {
		choice.Node = id.Name
		return choice, nil
	}
	if !strings.Contains(arn, ":acm:") {
		return choice, nil // IAM's
	}
	crt, err := p.describeCertificate(ctx, arn)
	if isGone(err) {
		return choice, nil
	}
	if err != nil {
		return choice, err
	}
	choice.Covers = namesIn(append(slices.Clone(crt.SubjectAlternativeNames), aws.ToString(crt.DomainName)))
	return choice, nil
}

// namesIn is a list of names in lower case, sorted, each once.
func namesIn(list []string) []string {
	var out []string
	for _, name := range list {
		if name != "" {
			out = append(out, strings.ToLower(name))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// choose turns the choices of a listener into certificates. One that the listener has already and that covers a hostname stays.
func (a *applier) choose(ctx context.Context, op string, want, got []CertificateChoice) ([]CertificateChoice, error) {
	var chosen []CertificateChoice
	var listed []acmtypes.CertificateSummary
	for _, w := range want {
		switch {
		case w.Node != "":
			arn, err := a.external(op, graph.ID{Kind: KindCertificate, Name: w.Node})
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, CertificateChoice{Node: w.Node, ARN: arn})
		case w.ARN != "":
			chosen = append(chosen, CertificateChoice{ARN: w.ARN})
		default:
			if i := slices.IndexFunc(got, w.fits); i >= 0 {
				chosen = append(chosen, got[i])
				continue
			}
			if listed == nil {
				var err error
				if listed, err = a.certificates(ctx); err != nil {
					return nil, err
				}
			}
			choice, err := a.discover(ctx, op, w.Hostname, listed)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, choice)
		}
	}
	return chosen, nil
}

// discover finds the certificate in ACM that is best for a hostname: one for exactly it before a wildcard, one that AWS renews before one
// that was imported, then the one that is valid longest. Those that Cloudgate imported belong to a Gateway, and go with it.
func (a *applier) discover(ctx context.Context, op, hostname string, listed []acmtypes.CertificateSummary) (CertificateChoice, error) {
	fitting := slices.DeleteFunc(slices.Clone(listed), func(c acmtypes.CertificateSummary) bool {
		return c.Status != acmtypes.CertificateStatusIssued || !slices.ContainsFunc(summaryNames(c), func(name string) bool { return covers(name, hostname) })
	})
	slices.SortFunc(fitting, func(x, y acmtypes.CertificateSummary) int { return betterCertificate(hostname, x, y) })
	for _, c := range fitting {
		arn := aws.ToString(c.CertificateArn)
		if c.Type == acmtypes.CertificateTypeImported {
			tags, err := a.certificateTags(ctx, arn)
			if err != nil && !isGone(err) {
				return CertificateChoice{}, err
			}
			if err != nil || tags[tagCluster] != "" {
				continue
			}
		}
		return CertificateChoice{ARN: arn, Covers: namesIn(summaryNames(c))}, nil
	}
	return CertificateChoice{}, invalid(op, "AWS Certificate Manager has no issued certificate for %s", hostname)
}

func betterCertificate(hostname string, x, y acmtypes.CertificateSummary) int {
	rank := func(c acmtypes.CertificateSummary) int {
		r := 0
		if !slices.ContainsFunc(summaryNames(c), func(name string) bool { return strings.EqualFold(name, hostname) }) {
			r += 2
		}
		if c.Type == acmtypes.CertificateTypeImported {
			r++
		}
		return r
	}
	longest := 0
	if x.NotAfter != nil && y.NotAfter != nil {
		longest = y.NotAfter.Compare(*x.NotAfter)
	}
	return cmp.Or(cmp.Compare(rank(x), rank(y)), longest, cmp.Compare(aws.ToString(x.CertificateArn), aws.ToString(y.CertificateArn)))
}
