// Package v1alpha1 is the API group cloudgate.dev in its first version: the GatewayConfig, which says what the
// Gateway API has no words for, and the LoadBalancer, which shows what one Gateway became in its cloud and is where the controller
// remembers that across restarts.
//
// The package knows the shape of the objects and nothing of what is done with them. Its DeepCopy methods and its CRD are
// generated: run `make generate` after a change.
//
// +kubebuilder:object:generate=true
// +groupName=cloudgate.dev
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object paths=. crd paths=. output:crd:dir=../../../charts/cloudgate/files/crds
