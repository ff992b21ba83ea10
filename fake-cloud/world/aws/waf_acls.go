package aws

import (
	"context"
	"regexp"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

// WebACL is a web ACL. Its rules are kept and shown, and hold nobody back.
type WebACL struct {
	Meta
	Name      string
	LockToken string // changes with every change
	Spec      waftypes.WebACL
}

// kindWebACL is the Kind of the Association of a load balancer with its web ACL.
const kindWebACL = "webacl"

const webACLsPerPage = 100

var webACLName = regexp.MustCompile(`^[\w-]{1,128}$`)

func wafInvalid(format string, args ...any) *Fault {
	return faultf("WAFInvalidParameterException", "Error reason: "+format, args...)
}

func noWebACL() error {
	return faultf("WAFNonexistentItemException", "AWS WAF couldn’t perform the operation because your resource doesn’t exist.")
}

func checkScope(s waftypes.Scope) error {
	switch s {
	case waftypes.ScopeRegional:
		return nil
	case waftypes.ScopeCloudfront:
		return wafInvalid("the scope CLOUDFRONT is not served, field: SCOPE_VALUE, parameter: CLOUDFRONT")
	}
	return wafInvalid("The scope is not valid., field: SCOPE_VALUE, parameter: %s", s)
}

// CreateWebACL makes a web ACL.
func (r *Region) CreateWebACL(_ context.Context, in *wafv2.CreateWebACLInput) (*wafv2.CreateWebACLOutput, error) {
	name := awssdk.ToString(in.Name)
	if err := checkScope(in.Scope); err != nil {
		return nil, err
	}
	if !webACLName.MatchString(name) {
		return nil, wafInvalid("The name is not valid., field: NAME, parameter: %s", clip(name))
	}
	if in.DefaultAction == nil || (in.DefaultAction.Allow == nil) == (in.DefaultAction.Block == nil) || in.VisibilityConfig == nil {
		return nil, wafInvalid("A web ACL must have one default action and a visibility config, field: DEFAULT_ACTION")
	}
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
	}
	if err := checkTagCount(tags); err != nil {
		return nil, err
	}
	var made *WebACL
	err := r.write(func(x *tx) error {
		if _, ok := r.webACLs.first(func(w *WebACL) bool { return w.Name == name }); ok {
			return faultf("WAFDuplicateItemException", "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one.")
		}
		id := x.uuid()
		arn := r.arn("wafv2", "regional/webacl/"+name+"/"+id)
		made = &WebACL{Meta: x.meta(arn, tags, 0), Name: name, LockToken: x.uuid(), Spec: waftypes.WebACL{
			ARN: &arn, Id: &id, Name: in.Name, Description: in.Description, DefaultAction: in.DefaultAction, Rules: in.Rules,
			VisibilityConfig: in.VisibilityConfig, TokenDomains: in.TokenDomains, CustomResponseBodies: in.CustomResponseBodies,
			CaptchaConfig: in.CaptchaConfig, ChallengeConfig: in.ChallengeConfig, AssociationConfig: in.AssociationConfig,
			LabelNamespace: ptr("awswaf:" + *r.owner() + ":webacl:" + name + ":"),
		}}
		r.webACLs.put(x, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &wafv2.CreateWebACLOutput{Summary: ptr(made.summary())}, nil
}

func (w *WebACL) summary() waftypes.WebACLSummary {
	return waftypes.WebACLSummary{ARN: &w.Key, Id: w.Spec.Id, Name: &w.Name, Description: w.Spec.Description, LockToken: &w.LockToken}
}

// findWebACL finds a web ACL by name and id.
func (r *Region) findWebACL(name, id *string, scope waftypes.Scope) (*WebACL, error) {
	if err := checkScope(scope); err != nil {
		return nil, err
	}
	w, ok := r.webACLs.first(func(w *WebACL) bool {
		return w.Name == awssdk.ToString(name) && awssdk.ToString(w.Spec.Id) == awssdk.ToString(id)
	})
	if !ok {
		return nil, noWebACL()
	}
	return w, nil
}

// GetWebACL shows a web ACL.
func (r *Region) GetWebACL(_ context.Context, in *wafv2.GetWebACLInput) (*wafv2.GetWebACLOutput, error) {
	out := &wafv2.GetWebACLOutput{}
	err := r.read(func() (err error) {
		var w *WebACL
		if in.ARN != nil {
			var ok bool
			if w, ok = r.webACLs.get(*in.ARN); !ok {
				return noWebACL()
			}
		} else if w, err = r.findWebACL(in.Name, in.Id, in.Scope); err != nil {
			return err
		}
		out.WebACL, out.LockToken = &w.Spec, &w.LockToken
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteWebACL deletes a web ACL that nothing is associated with.
func (r *Region) DeleteWebACL(_ context.Context, in *wafv2.DeleteWebACLInput) (*wafv2.DeleteWebACLOutput, error) {
	err := r.write(func(x *tx) error {
		w, err := r.findWebACL(in.Name, in.Id, in.Scope)
		if err != nil {
			return err
		}
		if w.LockToken != awssdk.ToString(in.LockToken) {
			return faultf("WAFOptimisticLockException", "AWS WAF couldn’t save your changes because someone changed the resource after you started to edit it. Reapply your changes.")
		}
		if _, used := r.associations.first(func(a *Association) bool { return a.Kind == kindWebACL && a.Target == w.Key }); used {
			return faultf("WAFAssociatedItemException", "AWS WAF couldn’t perform the operation because your resource is being used by another resource or it’s associated with another resource.")
		}
		r.webACLs.drop(x, w.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &wafv2.DeleteWebACLOutput{}, nil
}

// ListWebACLs lists web ACLs.
func (r *Region) ListWebACLs(_ context.Context, in *wafv2.ListWebACLsInput) (*wafv2.ListWebACLsOutput, error) {
	if err := checkScope(in.Scope); err != nil {
		return nil, err
	}
	limit := webACLsPerPage
	if in.Limit != nil {
		if *in.Limit < 1 || *in.Limit > webACLsPerPage {
			return nil, wafInvalid("The limit is not valid., field: LIMIT, parameter: %d", *in.Limit)
		}
		limit = int(*in.Limit)
	}
	out := &wafv2.ListWebACLsOutput{WebACLs: []waftypes.WebACLSummary{}}
	err := r.read(func() error {
		some, next, ok := page(r.webACLs.all(), seqOf[*WebACL], in.NextMarker, limit)
		if !ok {
			return wafInvalid("The marker is not valid., field: NEXT_MARKER")
		}
		out.NextMarker = next
		for _, w := range some {
			out.WebACLs = append(out.WebACLs, w.summary())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// needProtected finds a resource that can have a web ACL: an Application Load Balancer.
func (r *Region) needProtected(arn *string) (string, error) {
	name := awssdk.ToString(arn)
	if !isARN(name, "loadbalancer/app") {
		return "", wafInvalid("The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes., field: RESOURCE_ARN, parameter: %s", clip(name))
	}
	if lb, ok := r.loadBalancers.get(name); !ok || lb.Type != types.LoadBalancerTypeEnumApplication {
		return "", noWebACL()
	}
	return name, nil
}

// AssociateWebACL puts a web ACL before a load balancer, in the place of what it had.
func (r *Region) AssociateWebACL(_ context.Context, in *wafv2.AssociateWebACLInput) (*wafv2.AssociateWebACLOutput, error) {
	err := r.write(func(x *tx) error {
		resource, err := r.needProtected(in.ResourceArn)
		if err != nil {
			return err
		}
		w, ok := r.webACLs.get(awssdk.ToString(in.WebACLArn))
		if !ok {
			return noWebACL()
		}
		key := kindWebACL + "|" + resource
		r.associations.put(x, &Association{Meta: x.meta(key, nil, 0), Kind: kindWebACL, Resource: resource, Target: w.Key})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &wafv2.AssociateWebACLOutput{}, nil
}

// DisassociateWebACL takes the web ACL from a load balancer. One that has none stays as it is.
func (r *Region) DisassociateWebACL(_ context.Context, in *wafv2.DisassociateWebACLInput) (*wafv2.DisassociateWebACLOutput, error) {
	err := r.write(func(x *tx) error {
		resource, err := r.needProtected(in.ResourceArn)
		if err != nil {
			return err
		}
		r.associations.drop(x, kindWebACL+"|"+resource)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &wafv2.DisassociateWebACLOutput{}, nil
}

// GetWebACLForResource shows the web ACL of a load balancer: none where it has none.
func (r *Region) GetWebACLForResource(_ context.Context, in *wafv2.GetWebACLForResourceInput) (*wafv2.GetWebACLForResourceOutput, error) {
	out := &wafv2.GetWebACLForResourceOutput{}
	err := r.read(func() error {
		resource, err := r.needProtected(in.ResourceArn)
		if err != nil {
			return err
		}
		if a, ok := r.associations.get(kindWebACL + "|" + resource); ok {
			if w, ok := r.webACLs.get(a.Target); ok {
				out.WebACL = &w.Spec
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListResourcesForWebACL lists the load balancers behind a web ACL.
func (r *Region) ListResourcesForWebACL(_ context.Context, in *wafv2.ListResourcesForWebACLInput) (*wafv2.ListResourcesForWebACLOutput, error) {
	out := &wafv2.ListResourcesForWebACLOutput{ResourceArns: []string{}}
	err := r.read(func() error {
		if _, ok := r.webACLs.get(awssdk.ToString(in.WebACLArn)); !ok {
			return noWebACL()
		}
		if in.ResourceType != "" && in.ResourceType != waftypes.ResourceTypeApplicationLoadBalancer {
			return nil
		}
		for _, a := range r.associations.all() {
			if a.Kind == kindWebACL && a.Target == *in.WebACLArn {
				out.ResourceArns = append(out.ResourceArns, a.Resource)
			}
		}
		slices.Sort(out.ResourceArns)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
