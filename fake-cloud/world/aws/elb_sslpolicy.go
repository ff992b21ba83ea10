package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// defaultSSLPolicy is what a listener has that was created without one through the API.
const defaultSSLPolicy = "ELBSecurityPolicy-2016-08"

// Groups of ciphers, in OpenSSL's names.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
var (
	ciphers13  = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
	ciphersGCM = []string{
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
	}
	ciphersCBC = []string{"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384"}
	ciphersSHA = []string{"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA"}
	ciphersRSA = []string{"AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"}
	ciphersOld = []string{"AES128-SHA", "AES256-SHA"}
	ciphersDES = []string{"DES-CBC3-SHA"}

	ciphersForward    = slices.Concat(ciphersGCM, ciphersCBC)
	ciphersForwardSHA = slices.Concat(ciphersGCM, ciphersCBC, ciphersSHA)
	ciphersMost       = slices.Concat(ciphersGCM, ciphersCBC, ciphersSHA, ciphersRSA, ciphersOld)
)

var (
	versions10 = []string{"TLSv1", "TLSv1.1", "TLSv1.2"}
	versions11 = []string{"TLSv1.1", "TLSv1.2"}
	versions12 = []string{"TLSv1.2"}
	versions13 = []string{"TLSv1.3"}
)

func policyVersions(versions []string) []string { return append(slices.Clone(versions), "TLSv1.3") }

func policyCiphers(groups ...[]string) []string {
	return slices.Concat(append([][]string{ciphers13}, groups...)...)
}

// sslPolicies are the policies that AWS predefines.
var sslPolicies = []struct {
	name      string
	protocols []string
	ciphers   []string
}{
	{defaultSSLPolicy, versions10, ciphersMost},
	{"ELBSecurityPolicy-2015-05", versions10, ciphersMost},
	{"ELBSecurityPolicy-TLS13-1-2-2021-06", policyVersions(versions12), policyCiphers(ciphersForward)},
	{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", policyVersions(versions12), policyCiphers(ciphersGCM)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", policyVersions(versions12), policyCiphers(ciphersForward, ciphersRSA)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", policyVersions(versions12), policyCiphers(ciphersMost)},
	{"ELBSecurityPolicy-TLS13-1-1-2021-06", policyVersions(versions11), policyCiphers(ciphersMost)},
	{"ELBSecurityPolicy-TLS13-1-0-2021-06", policyVersions(versions10), policyCiphers(ciphersMost)},
	{"ELBSecurityPolicy-TLS13-1-3-2021-06", versions13, ciphers13},
	{"ELBSecurityPolicy-TLS-1-2-2017-01", versions12, slices.Concat(ciphersForward, ciphersRSA)},
	{"ELBSecurityPolicy-TLS-1-1-2017-01", versions11, ciphersMost},
	{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", versions12, ciphersMost},
	{"ELBSecurityPolicy-TLS-1-0-2015-04", versions10, slices.Concat(ciphersMost, ciphersDES)},
	{"ELBSecurityPolicy-FS-2018-06", versions10, ciphersForwardSHA},
	{"ELBSecurityPolicy-FS-1-1-2019-08", versions11, ciphersForwardSHA},
	{"ELBSecurityPolicy-FS-1-2-2019-08", versions12, ciphersForwardSHA},
	{"ELBSecurityPolicy-FS-1-2-Res-2019-08", versions12, ciphersForward},
	{"ELBSecurityPolicy-FS-1-2-Res-2020-10", versions12, ciphersGCM},
	{"ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", versions13, ciphers13[:2]},
	{"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", policyVersions(versions12), slices.Concat(ciphers13[:2], ciphersGCM)},
	{"ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", policyVersions(versions12), slices.Concat(ciphers13[:2], ciphersForward)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04", policyVersions(versions12), slices.Concat(ciphers13[:2], ciphersForwardSHA)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04", policyVersions(versions12), slices.Concat(ciphers13[:2], ciphersForward, ciphersRSA)},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04", policyVersions(versions12), slices.Concat(ciphers13[:2], ciphersMost)},
	{"ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04", policyVersions(versions11), slices.Concat(ciphers13[:2], ciphersMost)},
	{"ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04", policyVersions(versions10), slices.Concat(ciphers13[:2], ciphersMost)},
}

// SSLPolicy returns a security policy with its protocols and ciphers.
func SSLPolicy(name string) (types.SslPolicy, bool) {
	for _, p := range sslPolicies {
		if p.name != name {
			continue
		}
		policy := types.SslPolicy{Name: aws.String(p.name), SslProtocols: p.protocols, SupportedLoadBalancerTypes: []string{"application", "network"}}
		for i, c := range p.ciphers {
			policy.Ciphers = append(policy.Ciphers, types.Cipher{Name: aws.String(c), Priority: aws.Int32(int32(i) + 1)})
		}
		return policy, true
	}
	return types.SslPolicy{}, false
}

// DescribeSSLPolicies implements the action of that name.
func (r *Region) DescribeSSLPolicies(_ context.Context, in *elb.DescribeSSLPoliciesInput) (*elb.DescribeSSLPoliciesOutput, error) {
	if kind := in.LoadBalancerType; kind != "" && !slices.Contains(kind.Values(), kind) {
		return nil, invalidf("'%s' is not a valid load balancer type", clip(string(kind)))
	}
	var places []int
	for i, p := range sslPolicies {
		if in.LoadBalancerType != types.LoadBalancerTypeEnumGateway && (len(in.Names) == 0 || slices.Contains(in.Names, p.name)) {
			places = append(places, i)
		}
	}
	for _, name := range in.Names {
		if _, ok := SSLPolicy(name); !ok {
			return nil, faultf("SSLPolicyNotFound", "SSL policy '%s' not found", clip(name))
		}
	}
	places, next, err := elbPage(places, func(i int) uint64 { return uint64(i) + 1 }, in.Marker, in.PageSize, 400)
	out := &elb.DescribeSSLPoliciesOutput{NextMarker: next, SslPolicies: []types.SslPolicy{}}
	for _, i := range places {
		p, _ := SSLPolicy(sslPolicies[i].name)
		out.SslPolicies = append(out.SslPolicies, p)
	}
	return out, err
}
