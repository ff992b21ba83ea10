package reconciler

import (
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// classProblem says why the parameters of a class cannot be used, nil when they can.
func (v *views) classProblem(class *gwv1.GatewayClass) *translate.Problem {
	_, problem := translate.ClassParameters(class, v.classConfig(class))
	return problem
}

// classParameters are those of a class, and none where they cannot be used.
func (v *views) classParameters(class *gwv1.GatewayClass) translate.Parameters {
	p, _ := translate.ClassParameters(class, v.classConfig(class))
	return p
}

// classConfig is the GatewayConfig that a class names, nil where there is none.
func (v *views) classConfig(class *gwv1.GatewayClass) *v1alpha1.GatewayConfig {
	name, named := translate.ClassConfig(class)
	if !named {
		return nil
	}
	config, _ := v.configs.get(name)
	return config
}

// parameters gathers the GatewayConfigs of the Gateway and its class, and the nodes where one of them sends requests there.
func (g *gatherer) parameters() {
	nodes := g.config(translate.ClassConfig(g.s.Class))
	if g.config(translate.GatewayConfigName(g.s.Gateway)) || nodes {
		g.s.Nodes = g.v.nodes.all()
	}
}

// saysTargetType tells whether the GatewayConfigs of a Snapshot say what requests are sent to. Where they do not, the networks of the cloud
// decide.
func saysTargetType(s *translate.Snapshot) bool {
	for _, config := range s.Configs {
		if config.Spec.TargetType != "" {
			return true
		}
	}
	return false
}

// config gathers a GatewayConfig, and tells whether it sends requests to nodes.
func (g *gatherer) config(name types.NamespacedName, named bool) bool {
	if !named {
		return false
	}
	config, ok := g.v.configs.get(name)
	if !ok {
		return false
	}
	g.s.Configs[name] = config
	return config.Spec.TargetType == v1alpha1.TargetTypeNodePort
}
