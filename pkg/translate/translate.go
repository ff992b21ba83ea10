package translate

import "github.com/cloudgate-dev/cloudgate/pkg/ir"

// Translate returns the load balancer that the Gateway of s asks for, and the verdict on everything that has a say in it. It
// writes to nothing in s.
func Translate(s *Snapshot) (*ir.LoadBalancer, *Report) {
	return &ir.LoadBalancer{Owner: owner(s)}, &Report{}
}

func owner(s *Snapshot) ir.Owner {
	return ir.Owner{Cluster: s.Cluster, UID: string(s.Gateway.UID), Namespace: s.Gateway.Namespace, Name: s.Gateway.Name}
}
