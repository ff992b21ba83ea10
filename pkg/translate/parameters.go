package translate

import (
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Parameters are what the GatewayConfigs of a Gateway and of its class say together. The zero value is what holds where neither says anything.
type Parameters struct {
	TargetType v1alpha1.TargetType // "" where the networks that the cloud reaches decide; Pod where these are not known
	Zones      []string            // that the load balancer is in; empty where that does not matter
	Reach      v1alpha1.Reach      // "" for Internet
	AWS        *v1alpha1.AWSConfig // nil where nothing is said
}

// merge returns p with every field that over sets.
func (p Parameters) merge(over *v1alpha1.GatewayConfigSpec) Parameters {
	if over.TargetType != "" {
		p.TargetType = over.TargetType
	}
	if len(over.Zones) > 0 {
		p.Zones = over.Zones
	}
	if over.Reach != "" {
		p.Reach = over.Reach
	}
	p.AWS = mergeAWS(p.AWS, over.AWS)
	return p
}

// GatewayParametersAnnotation on a GatewayClass, with the value GatewayParametersDeny, leaves to the class alone what GatewayConfigs say: a
// Gateway of it that names one is refused. In a cloud where a GatewayConfig can name what belongs to others (security groups, certificates),
// whoever may write one could otherwise reach that with the rights of the controller.
const (
	GatewayParametersAnnotation = "cloudgate.dev/gateway-parameters"
	GatewayParametersDeny       = "deny"
)

// The fields that name parameters, as they stand in messages.
const (
	whereClassParameters   = "parametersRef"
	whereGatewayParameters = "infrastructure.parametersRef"
)

// ClassConfig returns the name of the GatewayConfig that a class refers to, and false where it refers to none or to something else.
func ClassConfig(class *gwv1.GatewayClass) (types.NamespacedName, bool) {
	if class == nil || class.Spec.ParametersRef == nil {
		return types.NamespacedName{}, false
	}
	ref := class.Spec.ParametersRef
	name := types.NamespacedName{Namespace: string(value(ref.Namespace)), Name: ref.Name}
	return name, isConfig(ref.Group, ref.Kind) && name.Namespace != ""
}

// GatewayConfigName is ClassConfig for a Gateway, whose GatewayConfig is in its own namespace.
func GatewayConfigName(gw *gwv1.Gateway) (types.NamespacedName, bool) {
	if gw.Spec.Infrastructure == nil || gw.Spec.Infrastructure.ParametersRef == nil {
		return types.NamespacedName{}, false
	}
	ref := gw.Spec.Infrastructure.ParametersRef
	return types.NamespacedName{Namespace: gw.Namespace, Name: ref.Name}, isConfig(ref.Group, ref.Kind)
}

func isConfig(group gwv1.Group, kind gwv1.Kind) bool {
	return string(group) == v1alpha1.GroupVersion.Group && kind == v1alpha1.GatewayConfigKind
}

// ClassParameters reads the parameters of a class. config is the GatewayConfig that ClassConfig names, nil where there is none of that
// name. The Problem says why the class cannot be served.
func ClassParameters(class *gwv1.GatewayClass, config *v1alpha1.GatewayConfig) (Parameters, *Problem) {
	if class == nil || class.Spec.ParametersRef == nil {
		return Parameters{}, nil
	}
	ref := class.Spec.ParametersRef
	if isConfig(ref.Group, ref.Kind) && value(ref.Namespace) == "" {
		return Parameters{}, &Problem{Code: CodeParametersNamespace, Where: whereClassParameters}
	}
	name, ours := ClassConfig(class)
	if !ours {
		return Parameters{}, &Problem{Code: CodeParametersRef, Where: whereClassParameters, Value: groupKind(string(ref.Group), string(ref.Kind))}
	}
	return readParameters(Parameters{}, whereClassParameters, name, config)
}

// parameters reads what the GatewayConfigs of the Gateway and its class say. A Gateway whose parameters cannot be read is refused: to serve
// it with other ones could send requests where they must not go.
func (t *translation) parameters() {
	config, _ := ClassConfig(t.s.Class)
	p, problem := ClassParameters(t.s.Class, t.s.Configs[config])
	if problem != nil {
		problem.Object = Object{Kind: kindClass, Name: t.s.Class.Name}
		t.rejectGateway(gwv1.GatewayReasonInvalidParameters, Problem{Code: CodeClassParameters, Object: problem.Object})
		return
	}
	infrastructure := t.s.Gateway.Spec.Infrastructure
	if infrastructure != nil && infrastructure.ParametersRef != nil {
		ref := infrastructure.ParametersRef
		name, ours := GatewayConfigName(t.s.Gateway)
		switch {
		case t.s.Class != nil && t.s.Class.Annotations[GatewayParametersAnnotation] == GatewayParametersDeny:
			problem = &Problem{Code: CodeParametersDenied, Where: whereGatewayParameters, Object: Object{Kind: kindClass, Name: t.s.Class.Name}}
		case ours:
			p, problem = readParameters(p, whereGatewayParameters, name, t.s.Configs[name])
		default:
			problem = &Problem{Code: CodeParametersRef, Where: whereGatewayParameters, Value: groupKind(string(ref.Group), string(ref.Kind))}
		}
		if problem != nil {
			t.rejectGateway(gwv1.GatewayReasonInvalidParameters, *problem)
			return
		}
	}
	t.params, t.report.Gateway.Parameters = p, p
}

// readParameters adds what a GatewayConfig says to base.
func readParameters(base Parameters, where string, name types.NamespacedName, config *v1alpha1.GatewayConfig) (Parameters, *Problem) {
	object := Object{Kind: v1alpha1.GatewayConfigKind, Namespace: name.Namespace, Name: name.Name}
	if config == nil {
		return Parameters{}, &Problem{Code: CodeNotFound, Where: where, Object: object}
	}
	if field, value := checkConfig(&config.Spec); field != "" {
		return Parameters{}, &Problem{Code: CodeParameterValue, Where: where, Object: object, Value: value, Detail: field}
	}
	return base.merge(&config.Spec), nil
}

// checkConfig returns what cannot stand in a GatewayConfig, and its field. A file says so: the API server lets none of it through.
func checkConfig(spec *v1alpha1.GatewayConfigSpec) (field, value string) {
	switch kind := spec.TargetType; kind {
	case "", v1alpha1.TargetTypePod, v1alpha1.TargetTypeNodePort:
	default:
		return "targetType", string(kind)
	}
	switch reach := spec.Reach; reach {
	case "", v1alpha1.ReachInternet, v1alpha1.ReachPrivate:
	default:
		return "reach", string(reach)
	}
	return checkAWS(spec.AWS)
}

// reach returns who can reach the load balancer.
func (p Parameters) reach() ir.Reach {
	if p.Reach == v1alpha1.ReachPrivate {
		return ir.ReachPrivate
	}
	return ir.ReachInternet
}
