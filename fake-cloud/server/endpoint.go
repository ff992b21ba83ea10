package server

import "net/netip"

// AWSEndpoint returns where a listener of the load balancer of AWS with a DNS name really answers: see elb.Plane.Endpoint.
func (s *Server) AWSEndpoint(name string, port int32, udp bool) (netip.AddrPort, bool) {
	if s.aws == nil || s.aws.plane == nil {
		return netip.AddrPort{}, false
	}
	return s.aws.plane.Endpoint(name, port, udp)
}
