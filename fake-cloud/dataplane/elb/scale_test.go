package elb

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// BenchmarkSync is what one change costs among many load balancers.
func BenchmarkSync(b *testing.B) {
	s := newStand(b)
	quiet := s.plane
	var last string
	for i := range 50 {
		lb := s.balancer(types.LoadBalancerTypeEnumApplication)
		ls := s.listener(lb, 8080, fixed("404", ""), nil)
		for j := range 20 {
			s.rule(ls, int32(j+1), fixed("200", fmt.Sprint(i, j)), path(fmt.Sprint("/", j)))
		}
		last = ls
	}
	n := int32(100)
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		n++
		s.rule(last, n, fixed("200", "new"), path("/new"))
		b.StartTimer()
		quiet.sync()
	}
}
