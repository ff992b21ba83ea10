// Package awscontroller holds the stories of a program that was written for AWS and knows nothing of us: AWS's own Load Balancer Controller,
// unmodified, installed on a cluster with its own chart against the fake AWS, which it cannot tell from the real one. They run with
// `make e2e-aws-controller`, and are skipped elsewhere.
package awscontroller
