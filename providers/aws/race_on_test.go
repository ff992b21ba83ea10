//go:build race

package aws_test

// faultStride leaves out most places of a fault where the race detector makes each call so slow that all of them would take
// minutes. All places are tried without it.
const faultStride = 5
