package dev

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// defaultClass is the GatewayClass that is there when the files have none of ours.
func defaultClass(controller gwv1.GatewayController, name string) *gwv1.GatewayClass {
	class := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	class.SetGroupVersionKind(schema.GroupVersionKind{Group: gwv1.GroupName, Version: "v1", Kind: "GatewayClass"})
	class.Spec.ControllerName = controller
	return class
}
