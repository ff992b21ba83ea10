//go:build !linux

package lan

import "errors"

func openKernel(string) (kernel, string, error) {
	return nil, "", errors.New("load balancers have addresses on an interface on Linux alone: leave --interface out")
}
