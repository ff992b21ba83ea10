package aws

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// listenerSettings is what CreateListener and ModifyListener have in common.
type listenerSettings struct {
	port         *int32
	protocol     types.ProtocolEnum
	certificates []types.Certificate
	policy       *string
	alpn         []string
	actions      []types.Action
	mutual       *types.MutualAuthenticationAttributes
}

// CreateListener implements the action of that name. It is idempotent for equal input.
func (r *Region) CreateListener(_ context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	out := &elb.CreateListenerOutput{}
	return out, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if in.Port == nil || in.Protocol == "" {
			return invalidf("A port and a protocol must be specified")
		}
		if len(in.DefaultActions) == 0 {
			return invalidf("Default actions must be specified")
		}
		want := &Listener{LoadBalancer: lb.Key}
		if err := r.setListener(lb, want, listenerSettings{
			in.Port, in.Protocol, in.Certificates, in.SslPolicy, in.AlpnPolicy, in.DefaultActions, in.MutualAuthentication,
		}); err != nil {
			return err
		}
		if old, ok := r.listenerOn(lb.Key, want.Port); ok {
			if !sameListener(old, want, tags) {
				return duplicateListener(lb)
			}
			out.Listeners = []types.Listener{old.output()}
			return nil
		}
		if err := r.roomForListener(lb); err != nil {
			return err
		}
		want.Meta = x.meta(arnWithin(lb.Key, "loadbalancer", "listener", x.hex()), tags, 0)
		want.DefaultRule = arnWithin(want.Key, "listener", "listener-rule", x.hex())
		want.Attributes = initials(listenerAttributes(want.Protocol))
		r.awaken(x, want.Actions)
		r.elbListeners.put(x, want)
		out.Listeners = []types.Listener{want.output()}
		return r.roomForActions(lb)
	})
}

func duplicateListener(lb *LoadBalancer) error {
	return faultf("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", lb.Key)
}

func (r *Region) listenerOn(lb string, port int32) (*Listener, bool) {
	for _, l := range r.elbListeners.of(lb) {
		if l.Port == port {
			return l, true
		}
	}
	return nil, false
}

func sameListener(old, want *Listener, tags map[string]string) bool {
	return old.Protocol == want.Protocol && old.SSLPolicy == want.SSLPolicy && slices.Equal(old.ALPN, want.ALPN) &&
		slices.Equal(old.Certificates[:min(1, len(old.Certificates))], want.Certificates) && reflect.DeepEqual(old.Actions, want.Actions) &&
		reflect.DeepEqual(old.Mutual, want.Mutual) && maps.Equal(old.Tags, tags)
}

func (r *Region) roomForListener(lb *LoadBalancer) error {
	quota := "listeners-per-application-load-balancer"
	if lb.Type == types.LoadBalancerTypeEnumNetwork {
		quota = "listeners-per-network-load-balancer"
	}
	if len(r.elbListeners.of(lb.Key)) >= r.quota(quota) {
		return faultf("TooManyListeners", "The maximum number of listeners on load balancer '%s' has been reached", lb.Key)
	}
	return nil
}

// protocolsOf returns the protocols that listeners of a load balancer may have.
func protocolsOf(lb *LoadBalancer) []types.ProtocolEnum {
	if lb.Type == types.LoadBalancerTypeEnumApplication {
		return []types.ProtocolEnum{types.ProtocolEnumHttp, types.ProtocolEnumHttps}
	}
	return []types.ProtocolEnum{
		types.ProtocolEnumTcp, types.ProtocolEnumTls, types.ProtocolEnumUdp, types.ProtocolEnumTcpUdp, types.ProtocolEnumQuic, types.ProtocolEnumTcpQuic,
	}
}

func joined(protocols []types.ProtocolEnum) string {
	var b strings.Builder
	for i, p := range protocols {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(p))
	}
	return b.String()
}

func isSecure(p types.ProtocolEnum) bool {
	return p == types.ProtocolEnumHttps || p == types.ProtocolEnumTls
}

// setListener writes into l, which nobody else has yet, what is given. The lock is held.
func (r *Region) setListener(lb *LoadBalancer, l *Listener, s listenerSettings) error {
	if s.port != nil {
		if *s.port < 1 || *s.port > 65535 {
			return invalidf("Port '%d' is not valid: 1 to 65535", *s.port)
		}
		l.Port = *s.port
	}
	was := l.Protocol
	if s.protocol != "" {
		l.Protocol = s.protocol
	}
	switch {
	case !slices.Contains(l.Protocol.Values(), l.Protocol):
		return invalidf("'%s' is not a valid protocol", clip(string(l.Protocol)))
	case !slices.Contains(protocolsOf(lb), l.Protocol):
		return invalidf("Listener protocol '%s' must be one of '%s'", l.Protocol, joined(protocolsOf(lb)))
	case carriesDatagrams(l.Protocol) && lb.IPAddressType != types.IpAddressTypeIpv4 && lb.SourceNAT != types.EnablePrefixForIpv6SourceNatEnumOn:
		return faultf("UnsupportedProtocol", "Protocol '%s' is not supported for dualstack load balancers", l.Protocol)
	}
	if isSecure(was) && !isSecure(l.Protocol) {
		// "Changing the protocol from HTTPS to HTTP, or from TLS to TCP, removes the security policy and default certificate properties."
		l.Certificates, l.SSLPolicy, l.ALPN, l.Mutual = nil, "", nil, nil
	}
	if err := r.setSecurity(l, s); err != nil {
		return err
	}
	if err := r.setMutual(l, s.mutual); err != nil {
		return err
	}
	if len(s.actions) > 0 {
		actions, err := r.readActions(lb, l, s.actions, l.Actions)
		if err != nil {
			return err
		}
		l.Actions = actions
	} else if _, err := r.readActions(lb, l, l.Actions, l.Actions); err != nil {
		return err // they do not go with the new protocol
	}
	return nil
}

// setSecurity sets certificate, policy and ALPN.
func (r *Region) setSecurity(l *Listener, s listenerSettings) error {
	if !isSecure(l.Protocol) {
		if len(s.certificates) > 0 || s.policy != nil {
			return invalidf("A certificate and a security policy cannot be specified for %s listeners", l.Protocol)
		}
	} else if err := r.setCertificate(l, s.certificates); err != nil {
		return err
	}
	if isSecure(l.Protocol) {
		l.SSLPolicy = cmp.Or(aws.ToString(s.policy), l.SSLPolicy, defaultSSLPolicy)
		if _, ok := SSLPolicy(l.SSLPolicy); !ok {
			return faultf("SSLPolicyNotFound", "SSL policy '%s' not found", clip(l.SSLPolicy))
		}
	}
	if len(s.alpn) == 0 {
		return nil
	}
	switch {
	case l.Protocol != types.ProtocolEnumTls:
		return invalidf("An ALPN policy cannot be specified for %s listeners", l.Protocol)
	case len(s.alpn) > 1:
		return invalidf("Only one ALPN policy can be specified")
	case !slices.Contains([]string{"HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"}, s.alpn[0]):
		return faultf("ALPNPolicyNotFound", "ALPN policy '%s' is not supported", clip(s.alpn[0]))
	}
	l.ALPN = s.alpn
	return nil
}

func (r *Region) setCertificate(l *Listener, given []types.Certificate) error {
	switch {
	case len(given) > 1:
		return invalidf("Up to '1' certificate ARNs can be specified, but '%d' were specified", len(given))
	case len(given) == 0 && len(l.Certificates) == 0:
		return invalidf("A certificate must be specified for %s listeners", l.Protocol)
	case len(given) == 0:
		return nil
	case given[0].IsDefault != nil:
		return invalidf("You cannot set the IsDefault property of a certificate for a listener")
	}
	arn, err := r.usableCertificate(given[0].CertificateArn)
	if err != nil {
		return err
	}
	if len(l.Certificates) == 0 {
		l.Certificates = []string{arn}
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(l.Certificates[1:]), func(a string) bool { return a == arn })
	l.Certificates = append([]string{arn}, others...)
	return nil
}

// usableCertificate refuses a certificate that is not there or is not issued. The lock is held.
func (r *Region) usableCertificate(arn *string) (string, error) {
	a := aws.ToString(arn)
	c, ok := r.certificates.get(a)
	switch {
	case a == "":
		return "", invalidf("A certificate ARN must be specified")
	case !ok:
		return "", faultf("CertificateNotFound", "Certificate '%s' not found", clip(a))
	case c.Detail.Status != "ISSUED":
		return "", faultf("UnsupportedCertificate", "The certificate '%s' must have a fully-qualified domain name, a supported signature, and a supported key size.", a)
	}
	return a, nil
}

func (r *Region) setMutual(l *Listener, given *types.MutualAuthenticationAttributes) error {
	if given == nil {
		if l.Protocol == types.ProtocolEnumHttps && l.Mutual == nil {
			l.Mutual = &types.MutualAuthenticationAttributes{Mode: aws.String("off")}
		}
		return nil
	}
	mode := aws.ToString(given.Mode)
	verify := mode == "verify"
	switch {
	case l.Protocol != types.ProtocolEnumHttps:
		return invalidf("Mutual authentication can be specified only for HTTPS listeners")
	case !slices.Contains([]string{"off", "passthrough", "verify"}, mode):
		return invalidf("Mutual authentication mode '%s' must be one of 'off', 'passthrough', 'verify'", clip(mode))
	case verify && aws.ToString(given.TrustStoreArn) == "":
		return invalidf("A trust store ARN must be specified for mutual authentication mode 'verify'")
	case !verify && (given.TrustStoreArn != nil || given.IgnoreClientCertificateExpiry != nil || given.AdvertiseTrustStoreCaNames != ""):
		return invalidf("A trust store can be specified only for mutual authentication mode 'verify'")
	case given.AdvertiseTrustStoreCaNames != "" && !slices.Contains(given.AdvertiseTrustStoreCaNames.Values(), given.AdvertiseTrustStoreCaNames):
		return invalidf("'%s' is not a valid value for AdvertiseTrustStoreCaNames", clip(string(given.AdvertiseTrustStoreCaNames)))
	}
	mutual := &types.MutualAuthenticationAttributes{Mode: given.Mode}
	if verify {
		store, ok := r.trustStores.get(*given.TrustStoreArn)
		if !ok {
			return trustStoreNotFound(*given.TrustStoreArn)
		}
		if store.Status != types.TrustStoreStatusActive {
			return faultf("TrustStoreNotReady", "Trust store '%s' is not active", store.Key)
		}
		if n := r.quota("verifying-listeners-per-application-load-balancer"); r.verifying(l) >= n {
			return faultf("InvalidConfigurationRequest", "A load balancer can have at most %d listeners with mutual authentication mode 'verify'", n)
		}
		mutual.TrustStoreArn, mutual.TrustStoreAssociationStatus = given.TrustStoreArn, types.TrustStoreAssociationStatusEnumActive
		mutual.IgnoreClientCertificateExpiry = aws.Bool(aws.ToBool(given.IgnoreClientCertificateExpiry))
		mutual.AdvertiseTrustStoreCaNames = cmp.Or(given.AdvertiseTrustStoreCaNames, types.AdvertiseTrustStoreCaNamesEnumOff)
	}
	l.Mutual = mutual
	return nil
}

// verifying counts the other listeners of the load balancer that verify their clients.
func (r *Region) verifying(l *Listener) int {
	n := 0
	for _, other := range r.elbListeners.of(l.LoadBalancer) {
		itself := other.Key == l.Key || l.Key == "" && other.Port == l.Port // or the one that a repeated create has made
		if !itself && other.Mutual != nil && aws.ToString(other.Mutual.Mode) == "verify" {
			n++
		}
	}
	return n
}

// output returns the listener as the API shows it.
func (l *Listener) output() types.Listener {
	out := types.Listener{
		ListenerArn: aws.String(l.Key), LoadBalancerArn: aws.String(l.LoadBalancer), Port: aws.Int32(l.Port), Protocol: l.Protocol,
		DefaultActions: shown(l.Actions), AlpnPolicy: l.ALPN, MutualAuthentication: l.Mutual,
	}
	if len(l.Certificates) > 0 {
		out.Certificates = []types.Certificate{{CertificateArn: aws.String(l.Certificates[0])}}
	}
	if l.SSLPolicy != "" {
		out.SslPolicy = aws.String(l.SSLPolicy)
	}
	return out
}

// DescribeListeners implements the action of that name.
func (r *Region) DescribeListeners(_ context.Context, in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	switch {
	case len(in.ListenerArns) == 0 && in.LoadBalancerArn == nil:
		return nil, invalidf("You must specify either listener ARNs or a load balancer ARN")
	case len(in.ListenerArns) > 0 && in.LoadBalancerArn != nil:
		return nil, invalidf("Listener ARNs and a load balancer ARN cannot be specified at the same time")
	case len(in.ListenerArns) > 20:
		return nil, invalidf("Cannot have more than 20 resources described")
	}
	out := &elb.DescribeListenersOutput{Listeners: []types.Listener{}}
	return out, r.read(func() error {
		var asked []*Listener
		if in.LoadBalancerArn != nil {
			lb, err := r.needLoadBalancer(in.LoadBalancerArn)
			if err != nil {
				return err
			}
			asked = slices.DeleteFunc(slices.Clone(r.elbListeners.of(lb.Key)), func(l *Listener) bool { return r.unseen(&l.Meta) })
		}
		for _, arn := range in.ListenerArns {
			l, err := r.needListener(&arn)
			if err != nil || r.unseen(&l.Meta) {
				if err == nil {
					err = listenerNotFound(arn)
				}
				return err
			}
			asked = append(asked, l)
		}
		var err error
		asked, out.NextMarker, err = elbPage(asked, seqOf, in.Marker, in.PageSize, 400)
		for _, l := range asked {
			out.Listeners = append(out.Listeners, l.output())
		}
		return err
	})
}

// ModifyListener implements the action of that name. What is not given stays, an empty list too.
func (r *Region) ModifyListener(_ context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	out := &elb.ModifyListenerOutput{}
	return out, r.write(func(x *tx) error {
		was, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		lb, err := r.needLoadBalancer(&was.LoadBalancer)
		if err != nil {
			return err
		}
		next := *was
		if err := r.setListener(lb, &next, listenerSettings{
			in.Port, in.Protocol, in.Certificates, in.SslPolicy, in.AlpnPolicy, in.DefaultActions, in.MutualAuthentication,
		}); err != nil {
			return err
		}
		if other, ok := r.listenerOn(lb.Key, next.Port); ok && other.Key != was.Key {
			return duplicateListener(lb)
		}
		if next.Protocol != was.Protocol {
			for _, rule := range r.rules.of(was.Key) {
				if _, err := r.readActions(lb, &next, rule.Actions, rule.Actions); err != nil {
					return err
				}
			}
			next.Attributes = carried(was.Attributes, listenerAttributes(next.Protocol))
		}
		r.awaken(x, next.Actions)
		r.elbListeners.put(x, &next)
		out.Listeners = []types.Listener{next.output()}
		return r.roomForActions(lb)
	})
}

// carried returns the values of attributes, the first ones where there was none before.
func carried(was map[string]string, attributes []attribute) map[string]string {
	values := initials(attributes)
	for key := range values {
		if v, ok := was[key]; ok {
			values[key] = v
		}
	}
	return values
}

// DeleteListener implements the action of that name. Its rules go with it.
func (r *Region) DeleteListener(_ context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	return &elb.DeleteListenerOutput{}, r.write(func(x *tx) error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		r.removeListener(x, l)
		return nil
	})
}

// removeListener removes a listener with its rules. The lock is held.
func (r *Region) removeListener(x *tx, l *Listener) {
	for _, rule := range r.rules.of(l.Key) {
		r.rules.drop(x, rule.Key)
	}
	r.elbListeners.drop(x, l.Key)
	x.after = append(x.after, func() { delete(r.listeners, l.Key) })
}
