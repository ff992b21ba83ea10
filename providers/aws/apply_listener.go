package aws

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

func (a *applier) createListener(ctx context.Context, want graph.Node, spec *Listener) (graph.Node, error) {
	const op = "CreateListener"
	lb, err := a.external(op, want.Within)
	if err != nil {
		return graph.Node{}, err
	}
	actions, err := a.actions(op, spec.Default)
	if err != nil {
		return graph.Node{}, err
	}
	certificates, err := a.choose(ctx, op, spec.Certificates, nil)
	if err != nil {
		return graph.Node{}, err
	}
	in := &elb.CreateListenerInput{
		LoadBalancerArn: aws.String(lb), Port: aws.Int32(int32(spec.Port)), Protocol: elbtypes.ProtocolEnum(spec.Protocol),
		SslPolicy: text(spec.SSLPolicy), DefaultActions: actions, Tags: elbTags(spec.Tags),
	}
	if len(certificates) > 0 {
		in.Certificates = []elbtypes.Certificate{{CertificateArn: aws.String(certificates[0].ARN)}}
	}
	if spec.ALPN != "" {
		in.AlpnPolicy = wireALPN(spec.ALPN)
	}
	if spec.Clients != nil {
		if in.MutualAuthentication, err = a.clients(op, spec.Clients); err != nil {
			return graph.Node{}, err
		}
	}
	out, err := call(ctx, a.elb.CreateListener, in)
	if hasCode(err, codeDuplicateListener) {
		return a.adoptListener(ctx, op, want, spec, lb)
	}
	if err != nil {
		return graph.Node{}, notThere(err, spec)
	}
	if len(out.Listeners) != 1 || aws.ToString(out.Listeners[0].ListenerArn) == "" {
		return graph.Node{}, badAnswer(op)
	}
	arn := aws.ToString(out.Listeners[0].ListenerArn)
	if err := a.setMoreCertificates(ctx, arn, certificates, nil); err != nil {
		return graph.Node{}, unfinished(certificateGone(err, spec.Certificates))
	}
	if err := a.setListenerAttributes(ctx, arn, spec.Attributes); err != nil {
		return graph.Node{}, unfinished(err)
	}
	return made(want, arn, spec.made(certificates)), nil
}

// made is the spec of a listener that was made so.
func (w *Listener) made(certificates []CertificateChoice) *Listener {
	c := *w
	c.Marked = observedMark(w.Tags)
	c.Certificates = certificates
	return &c
}

// certificateGone tells apart a certificate of ours that is gone, which is made again, from one that the user named.
func certificateGone(err error, choices []CertificateChoice) error {
	foreign := slices.ContainsFunc(choices, func(c CertificateChoice) bool { return c.Node == "" })
	var e *cloud.Error
	if !hasCode(err, codeCertificateNotFound) || !foreign || !errors.As(err, &e) {
		return err
	}
	return &cloud.Error{Kind: cloud.Invalid, Op: e.Op, Err: e.Err}
}

// notThere is certificateGone for all that a listener names.
func notThere(err error, spec *Listener) error {
	var e *cloud.Error
	if spec.Clients != nil && isForeign(spec.Clients.TrustStore) && hasCode(err, codeTrustStoreNotFound) && errors.As(err, &e) {
		return &cloud.Error{Kind: cloud.Invalid, Op: e.Op, Err: e.Err}
	}
	return certificateGone(err, spec.Certificates)
}

// adoptListener looks at the listener that has our port.
func (a *applier) adoptListener(ctx context.Context, op string, want graph.Node, spec *Listener, lb string) (graph.Node, error) {
	all, err := a.listeners(ctx, lb)
	if err != nil {
		return graph.Node{}, err
	}
	i := slices.IndexFunc(all, func(l elbtypes.Listener) bool { return aws.ToInt32(l.Port) == int32(spec.Port) })
	if i < 0 {
		return graph.Node{}, conflict(op, "port %d is taken, and no listener has it", spec.Port)
	}
	arn := aws.ToString(all[i].ListenerArn)
	tags, err := a.tagsOf(ctx, []string{arn})
	if err != nil {
		return graph.Node{}, err
	}
	known := a.known()
	id := known.add(KindListener, arn, "", tags[arn])
	n, err := a.readListenerAlone(ctx, known, id, tagged[elbtypes.Listener]{arn: arn, tags: tags[arn], has: all[i]})
	if err != nil {
		return graph.Node{}, err
	}
	n.Holds = (&balancer{id: want.Within}).claim(spec.Port)
	return a.adopt(op, fmt.Sprintf("port %d", spec.Port), want, n)
}

func (a *applier) setListenerAttributes(ctx context.Context, arn string, attributes map[string]string) error {
	if len(attributes) == 0 {
		return nil
	}
	in := &elb.ModifyListenerAttributesInput{ListenerArn: aws.String(arn)}
	for _, key := range sortedKeys(attributes) {
		in.Attributes = append(in.Attributes, elbtypes.ListenerAttribute{Key: aws.String(key), Value: aws.String(attributes[key])})
	}
	_, err := call(ctx, a.elb.ModifyListenerAttributes, in)
	return err
}

// setMoreCertificates makes the certificates of a listener besides the default one those that are wanted. AWS takes one a call.
func (a *applier) setMoreCertificates(ctx context.Context, listener string, want, got []CertificateChoice) error {
	there := moreARNs(got)
	for _, arn := range moreARNs(want) {
		if slices.Contains(there, arn) {
			continue
		}
		if err := a.addCertificate(ctx, listener, arn); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) addCertificate(ctx context.Context, listener, arn string) error {
	in := &elb.AddListenerCertificatesInput{ListenerArn: aws.String(listener), Certificates: []elbtypes.Certificate{{CertificateArn: aws.String(arn)}}}
	_, err := call(ctx, a.elb.AddListenerCertificates, in)
	return err
}

// dropCertificates takes away what is not wanted besides the default one.
func (a *applier) dropCertificates(ctx context.Context, listener string, want, got []CertificateChoice) error {
	wanted := moreARNs(want)
	for _, arn := range moreARNs(got) {
		if slices.Contains(wanted, arn) || arn == want[0].ARN {
			continue
		}
		in := &elb.RemoveListenerCertificatesInput{ListenerArn: aws.String(listener), Certificates: []elbtypes.Certificate{{CertificateArn: aws.String(arn)}}}
		if _, err := call(ctx, a.elb.RemoveListenerCertificates, in); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// moreARNs are the certificates besides the default one, each once.
func moreARNs(choices []CertificateChoice) []string {
	var arns []string
	for i, c := range choices {
		if i > 0 && c.ARN != choices[0].ARN && !slices.Contains(arns, c.ARN) {
			arns = append(arns, c.ARN)
		}
	}
	return arns
}

func (a *applier) updateListener(ctx context.Context, want graph.Node, spec *Listener, got graph.Node) (graph.Node, error) {
	const op = "ModifyListener"
	have, err := gotSpec[Listener](op, got)
	if err != nil {
		return graph.Node{}, err
	}
	certificates, err := a.choose(ctx, op, spec.Certificates, have.Certificates)
	if err != nil {
		return graph.Node{}, err
	}
	if err := a.modifyListener(ctx, op, got.External, spec, have, certificates); err != nil {
		return graph.Node{}, notThere(err, spec)
	}
	if err := a.setListenerAttributes(ctx, got.External, attributeChanges(spec.Attributes, have.Attributes)); err != nil {
		return graph.Node{}, err
	}
	if err := a.retag(ctx, got.External, spec.Tags, have.Tags); err != nil {
		return graph.Node{}, err
	}
	return made(want, got.External, spec.made(certificates)), nil
}

// modifyListener changes the listener itself and its certificates. Those that come do before those that go do, so that no host is without.
func (a *applier) modifyListener(ctx context.Context, op, arn string, spec, have *Listener, certificates []CertificateChoice) error {
	if err := a.setMoreCertificates(ctx, arn, certificates, have.Certificates); err != nil {
		return err
	}
	in, changes, err := a.listenerChanges(op, arn, spec, have, certificates)
	if err != nil {
		return err
	}
	if changes {
		if _, err := call(ctx, a.elb.ModifyListener, in); err != nil {
			return err
		}
	}
	if in.Certificates != nil && len(have.Certificates) > 0 && slices.Contains(moreARNs(certificates), have.Certificates[0].ARN) {
		// What was the default was no other certificate, whatever was asked for then.
		if err := a.addCertificate(ctx, arn, have.Certificates[0].ARN); err != nil {
			return err
		}
	}
	if len(certificates) == 0 {
		return nil
	}
	return a.dropCertificates(ctx, arn, certificates, have.Certificates)
}

// listenerChanges puts what differs into one call.
func (a *applier) listenerChanges(
	op, arn string, spec, have *Listener, certificates []CertificateChoice,
) (in *elb.ModifyListenerInput, changes bool, err error) {
	in = &elb.ModifyListenerInput{ListenerArn: aws.String(arn)}
	if len(certificates) > 0 && (len(have.Certificates) == 0 || certificates[0].ARN != have.Certificates[0].ARN) {
		in.Certificates, changes = []elbtypes.Certificate{{CertificateArn: aws.String(certificates[0].ARN)}}, true
	}
	if spec.SSLPolicy != "" && spec.SSLPolicy != have.SSLPolicy {
		in.SslPolicy, changes = aws.String(spec.SSLPolicy), true
	}
	if want, got := wireALPN(spec.ALPN), wireALPN(have.ALPN); want[0] != got[0] {
		in.AlpnPolicy, changes = want, true
	}
	if !reflect.DeepEqual(spec.Clients, have.Clients) {
		changes = true
		if in.MutualAuthentication, err = a.clients(op, spec.Clients); err != nil {
			return nil, false, err
		}
	}
	if !reflect.DeepEqual(spec.Default.content(), have.Default.content()) {
		changes = true
		if in.DefaultActions, err = a.actions(op, spec.Default); err != nil {
			return nil, false, err
		}
	}
	return in, changes, nil
}
