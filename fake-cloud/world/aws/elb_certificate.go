package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// AddListenerCertificates implements the action of that name. One that the list has already stays. The default one is not on the list before
// it is added, and is there twice afterwards.
func (r *Region) AddListenerCertificates(_ context.Context, in *elb.AddListenerCertificatesInput) (*elb.AddListenerCertificatesOutput, error) {
	out := &elb.AddListenerCertificatesOutput{}
	return out, r.write(func(x *tx) error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		switch {
		case !isSecure(l.Protocol):
			return invalidf("Certificates cannot be specified for %s listeners", l.Protocol)
		case len(in.Certificates) == 0:
			return invalidf("Certificates must be specified")
		}
		next := slices.Clone(l.Certificates)
		for _, c := range in.Certificates {
			if c.IsDefault != nil {
				return invalidf("You cannot set the IsDefault property of a certificate for a listener")
			}
			arn, err := r.usableCertificate(c.CertificateArn)
			if err != nil {
				return err
			}
			if !slices.Contains(next[1:], arn) {
				next = append(next, arn)
			}
			out.Certificates = append(out.Certificates, types.Certificate{CertificateArn: aws.String(arn), IsDefault: aws.Bool(false)})
		}
		r.elbListeners.edit(x, l.Key, func(l *Listener) { l.Certificates = next })
		return r.roomForCertificates(l.LoadBalancer)
	})
}

// roomForCertificates refuses more certificates, without the default ones, than a load balancer may have. The lock is held.
func (r *Region) roomForCertificates(arn string) error {
	quota := "certificates-per-application-load-balancer"
	if lb, ok := r.loadBalancers.get(arn); ok && lb.Type == types.LoadBalancerTypeEnumNetwork {
		quota = "certificates-per-network-load-balancer"
	}
	seen := map[string]bool{}
	for _, l := range r.elbListeners.of(arn) {
		for i, c := range l.Certificates {
			if i > 0 && c != l.Certificates[0] {
				seen[c] = true
			}
		}
	}
	if len(seen) > r.quota(quota) {
		return faultf("TooManyCertificates", "The maximum number of certificates on load balancer '%s' has been reached", arn)
	}
	return nil
}

// RemoveListenerCertificates implements the action of that name. What the listener does not have is passed over.
func (r *Region) RemoveListenerCertificates(_ context.Context, in *elb.RemoveListenerCertificatesInput) (*elb.RemoveListenerCertificatesOutput, error) {
	return &elb.RemoveListenerCertificatesOutput{}, r.write(func(x *tx) error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		if len(in.Certificates) == 0 {
			return invalidf("Certificates must be specified")
		}
		next := slices.Clone(l.Certificates)
		for _, c := range in.Certificates {
			arn := aws.ToString(c.CertificateArn)
			switch i := slices.Index(next[1:], arn) + 1; {
			case arn == "":
				return invalidf("A certificate ARN must be specified")
			case i > 0:
				next = slices.Delete(next, i, i+1)
			case arn == next[0]:
				return faultf("OperationNotPermitted", "Default certificate '%s' cannot be removed from the listener", arn)
			}
		}
		r.elbListeners.edit(x, l.Key, func(l *Listener) { l.Certificates = next })
		return nil
	})
}

// DescribeListenerCertificates implements the action of that name: the default one first.
func (r *Region) DescribeListenerCertificates(_ context.Context, in *elb.DescribeListenerCertificatesInput) (*elb.DescribeListenerCertificatesOutput, error) {
	out := &elb.DescribeListenerCertificatesOutput{Certificates: []types.Certificate{}}
	return out, r.read(func() error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		places := make([]int, len(l.Certificates))
		for i := range places {
			places[i] = i
		}
		places, out.NextMarker, err = elbPage(places, func(i int) uint64 { return uint64(i) + 1 }, in.Marker, in.PageSize, 400)
		for _, i := range places {
			out.Certificates = append(out.Certificates, types.Certificate{CertificateArn: aws.String(l.Certificates[i]), IsDefault: aws.Bool(i == 0)})
		}
		return err
	})
}
