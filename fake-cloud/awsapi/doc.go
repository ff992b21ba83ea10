// Package awsapi is the wire of the fake AWS: what the SDKs, the aws CLI, boto3 and other people's controllers speak to. It finds out from
// a request's signature which service and region it is for, decodes it by the service's protocol, calls the method of the account that is
// called as the action, and encodes what that returns. Signatures, throttling, faults on purpose, request ids and the journal are here
// too.
//
// Calls are named as IAM names actions: "elasticloadbalancing:CreateRule", "ec2:DescribeSubnets", "tag:GetResources". So are they in the
// journal and in fault rules.
//
// It knows no resource and decides nothing about one: that is package world/aws. An action is served as soon as the account has its
// method.
package awsapi
