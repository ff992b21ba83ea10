package dev

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler"
)

// defaultClass is the GatewayClass of a provider that is there when the files have none.
func defaultClass(provider string) *gwv1.GatewayClass {
	class := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: provider}}
	class.SetGroupVersionKind(schema.GroupVersionKind{Group: gwv1.GroupName, Version: "v1", Kind: "GatewayClass"})
	class.Spec.ControllerName = gwv1.GatewayController(reconciler.Domain + provider)
	return class
}
