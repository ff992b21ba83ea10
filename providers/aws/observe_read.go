package aws

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// readLoadBalancer reads a load balancer and all that is within it.
func (p *Provider) readLoadBalancer(ctx context.Context, known namer, lb tagged[elbtypes.LoadBalancer]) ([]graph.Node, error) {
	n, err := p.readLoadBalancerAlone(ctx, known, lb)
	if err != nil {
		return nil, err
	}
	listeners, err := p.listeners(ctx, lb.arn)
	if err != nil {
		return nil, err
	}
	tags, err := p.tagsOf(ctx, arnsOf(listeners, func(l elbtypes.Listener) *string { return l.ListenerArn }))
	if err != nil {
		return nil, err
	}
	// What somebody else put into the load balancer is left alone.
	listeners = slices.DeleteFunc(listeners, func(l elbtypes.Listener) bool { return ownerOf(tags[aws.ToString(l.ListenerArn)]) != ownerOf(lb.tags) })
	// Names of what is within a load balancer are in a map of their own, because load balancers are read at the same time.
	within := make(namer)
	for _, l := range listeners {
		arn := aws.ToString(l.ListenerArn)
		within.add(KindListener, arn, strconv.Itoa(int(aws.ToInt32(l.Port))), tags[arn])
	}
	nodes := make([][]graph.Node, len(listeners))
	err = each(ctx, len(listeners), func(ctx context.Context, i int) error {
		arn := aws.ToString(listeners[i].ListenerArn)
		l := tagged[elbtypes.Listener]{arn: arn, tags: tags[arn], has: listeners[i]}
		var err error
		nodes[i], err = p.readListener(ctx, known, within[arn], l)
		if isGone(err) {
			return nil
		}
		for j := range nodes[i] {
			if spec, ok := nodes[i][j].Spec.(*Listener); ok {
				nodes[i][j].Within, nodes[i][j].Holds = n.ID, (&balancer{id: n.ID}).claim(spec.Port)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return append([]graph.Node{n}, slices.Concat(nodes...)...), nil
}

func arnsOf[T any](list []T, arn func(T) *string) []string {
	arns := make([]string, 0, len(list))
	for _, v := range list {
		arns = append(arns, aws.ToString(arn(v)))
	}
	return arns
}

func (p *Provider) readLoadBalancerAlone(ctx context.Context, known namer, lb tagged[elbtypes.LoadBalancer]) (graph.Node, error) {
	out, err := call(ctx, p.elb.DescribeLoadBalancerAttributes, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: aws.String(lb.arn)})
	if err != nil {
		return graph.Node{}, err
	}
	spec := &LoadBalancer{
		Marked: observedMark(lb.tags), Type: string(lb.has.Type), Scheme: string(lb.has.Scheme), IPAddressType: string(lb.has.IpAddressType),
		Attributes: make(map[string]string, len(out.Attributes)),
	}
	for _, z := range lb.has.AvailabilityZones {
		spec.Subnets.IDs = append(spec.Subnets.IDs, aws.ToString(z.SubnetId))
	}
	slices.Sort(spec.Subnets.IDs)
	for _, id := range lb.has.SecurityGroups {
		spec.SecurityGroups = append(spec.SecurityGroups, known.name(id))
	}
	slices.Sort(spec.SecurityGroups)
	for _, a := range out.Attributes {
		spec.Attributes[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	return withState(node(known[lb.arn], lb.arn, spec), lb.has), nil
}

func (p *Provider) listeners(ctx context.Context, lb string) ([]elbtypes.Listener, error) {
	return collect(ctx,
		elb.NewDescribeListenersPaginator(p.elb, &elb.DescribeListenersInput{LoadBalancerArn: aws.String(lb), PageSize: aws.Int32(pageSize)}),
		func(o *elb.DescribeListenersOutput) []elbtypes.Listener { return o.Listeners })
}

// readListener reads a listener and its rules.
func (p *Provider) readListener(ctx context.Context, known namer, id graph.ID, l tagged[elbtypes.Listener]) ([]graph.Node, error) {
	n, err := p.readListenerAlone(ctx, known, id, l)
	if err != nil {
		return nil, err
	}
	if l.has.Protocol != elbtypes.ProtocolEnumHttp && l.has.Protocol != elbtypes.ProtocolEnumHttps {
		return []graph.Node{n}, nil
	}
	rules, err := p.rules(ctx, l.arn)
	if err != nil {
		return nil, err
	}
	within := make(namer)
	nodes := []graph.Node{n}
	for _, r := range rules {
		if ownerOf(r.tags) != ownerOf(l.tags) {
			continue // somebody else's
		}
		rule := ruleNode(known, within.add(KindRule, r.arn, "", r.tags), r)
		rule.Within = n.ID
		nodes = append(nodes, rule)
	}
	return nodes, nil
}

func (p *Provider) readListenerAlone(ctx context.Context, known namer, id graph.ID, l tagged[elbtypes.Listener]) (graph.Node, error) {
	attributes, err := call(ctx, p.elb.DescribeListenerAttributes, &elb.DescribeListenerAttributesInput{ListenerArn: aws.String(l.arn)})
	if err != nil {
		return graph.Node{}, err
	}
	spec := &Listener{
		Marked: observedMark(l.tags), Port: uint16(aws.ToInt32(l.has.Port)), Protocol: string(l.has.Protocol),
		SSLPolicy: aws.ToString(l.has.SslPolicy), Default: readActions(known, l.has.DefaultActions), Clients: readClients(known, l.has.MutualAuthentication),
		Attributes: make(map[string]string, len(attributes.Attributes)),
	}
	if len(l.has.AlpnPolicy) > 0 && l.has.AlpnPolicy[0] != alpnNone {
		spec.ALPN = l.has.AlpnPolicy[0]
	}
	for _, a := range attributes.Attributes {
		spec.Attributes[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	if hasCertificates(spec.Protocol) {
		if spec.Certificates, err = p.readCertificatesOf(ctx, known, l); err != nil {
			return graph.Node{}, err
		}
	}
	return node(id, l.arn, spec), nil
}

func hasCertificates(protocol string) bool { return protocol == "HTTPS" || protocol == "TLS" }

// readCertificatesOf returns the certificates of a listener, the default one first.
func (p *Provider) readCertificatesOf(ctx context.Context, known namer, l tagged[elbtypes.Listener]) ([]CertificateChoice, error) {
	all, err := collect(ctx,
		elb.NewDescribeListenerCertificatesPaginator(p.elb, &elb.DescribeListenerCertificatesInput{ListenerArn: aws.String(l.arn), PageSize: aws.Int32(pageSize)}),
		func(o *elb.DescribeListenerCertificatesOutput) []elbtypes.Certificate { return o.Certificates })
	if err != nil {
		return nil, err
	}
	arns := arnsOf(l.has.Certificates, func(c elbtypes.Certificate) *string { return c.CertificateArn })
	more := arnsOf(slices.DeleteFunc(all, func(c elbtypes.Certificate) bool { return aws.ToBool(c.IsDefault) }),
		func(c elbtypes.Certificate) *string { return c.CertificateArn })
	slices.Sort(more)
	for _, arn := range more {
		if !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	choices := make([]CertificateChoice, len(arns))
	err = each(ctx, len(arns), func(ctx context.Context, i int) (err error) {
		choices[i], err = p.readChoice(ctx, known, arns[i])
		return err
	})
	return choices, err
}

// rules returns the rules of a listener with their tags, but for the default one, by ARN.
func (p *Provider) rules(ctx context.Context, listener string) ([]tagged[elbtypes.Rule], error) {
	all, err := collect(ctx,
		elb.NewDescribeRulesPaginator(p.elb, &elb.DescribeRulesInput{ListenerArn: aws.String(listener), PageSize: aws.Int32(rulesPageSize)}),
		func(o *elb.DescribeRulesOutput) []elbtypes.Rule { return o.Rules })
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r elbtypes.Rule) bool { return aws.ToBool(r.IsDefault) })
	tags, err := p.tagsOf(ctx, arnsOf(all, func(r elbtypes.Rule) *string { return r.RuleArn }))
	if err != nil {
		return nil, err
	}
	rules := make([]tagged[elbtypes.Rule], 0, len(all))
	for _, r := range all {
		arn := aws.ToString(r.RuleArn)
		rules = append(rules, tagged[elbtypes.Rule]{arn: arn, tags: tags[arn], has: r})
	}
	sortTagged(rules)
	return rules, nil
}

func ruleNode(known namer, id graph.ID, r tagged[elbtypes.Rule]) graph.Node {
	spec := &Rule{Marked: observedMark(r.tags), Conditions: readConditions(r.has.Conditions), Action: readActions(known, r.has.Actions)}
	if priority, err := strconv.ParseInt(aws.ToString(r.has.Priority), 10, 32); err == nil {
		spec.Priority = int32(priority)
	}
	spec.HostRewrite, spec.URLRewrite = readTransforms(r.has.Transforms)
	return node(id, r.arn, spec)
}

// readTargetGroup reads a target group with its attributes and targets.
func (p *Provider) readTargetGroup(ctx context.Context, known namer, g tagged[elbtypes.TargetGroup]) ([]graph.Node, error) {
	attributes, err := call(ctx, p.elb.DescribeTargetGroupAttributes, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: aws.String(g.arn)})
	if err != nil {
		return nil, err
	}
	health, err := call(ctx, p.elb.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(g.arn)})
	if err != nil {
		return nil, err
	}
	spec := &TargetGroup{
		Marked: observedMark(g.tags), Protocol: string(g.has.Protocol), ProtocolVersion: aws.ToString(g.has.ProtocolVersion),
		TargetType: string(g.has.TargetType), IPAddressType: string(g.has.IpAddressType), Port: uint16(aws.ToInt32(g.has.Port)),
		HealthCheck: readHealthCheck(g.has), Attributes: make(map[string]string, len(attributes.Attributes)),
	}
	for _, a := range attributes.Attributes {
		spec.Attributes[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	for _, d := range health.TargetHealthDescriptions {
		if d.Target == nil || (d.TargetHealth != nil && d.TargetHealth.State == elbtypes.TargetHealthStateEnumDraining) {
			continue // a draining target is deregistered already
		}
		spec.Targets = append(spec.Targets, Target{ID: aws.ToString(d.Target.Id), Port: uint16(aws.ToInt32(d.Target.Port))})
	}
	slices.SortFunc(spec.Targets, Target.compare)
	return []graph.Node{node(known[g.arn], g.arn, spec)}, nil
}

func readHealthCheck(g elbtypes.TargetGroup) HealthCheck {
	check := HealthCheck{
		Protocol: string(g.HealthCheckProtocol), Port: aws.ToString(g.HealthCheckPort), Path: aws.ToString(g.HealthCheckPath),
		Interval: aws.ToInt32(g.HealthCheckIntervalSeconds), Timeout: aws.ToInt32(g.HealthCheckTimeoutSeconds),
		Healthy: aws.ToInt32(g.HealthyThresholdCount), Unhealthy: aws.ToInt32(g.UnhealthyThresholdCount),
	}
	if m := g.Matcher; m != nil {
		check.Matcher = aws.ToString(m.HttpCode)
		if m.GrpcCode != nil {
			check.Matcher = aws.ToString(m.GrpcCode)
		}
	}
	return check
}

// observedMark is the mark of what was observed: all tags but AWS's own.
func observedMark(tags map[string]string) Marked {
	m := Marked{Tags: make(map[string]string, len(tags))}
	for key, value := range tags {
		if !isReserved(key) {
			m.Tags[key] = value
		}
	}
	return m
}
