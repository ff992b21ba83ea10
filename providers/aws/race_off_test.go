//go:build !race

package aws_test

const faultStride = 1
