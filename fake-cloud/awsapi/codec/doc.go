// Package codec reads requests and writes answers as AWS's protocols have them: awsQuery (Elastic Load Balancing, STS), ec2Query and
// awsJson 1.1 (ACM, tagging, WAF, Shield). It fills and reads the SDK's own Input and Output structs by reflection, so an action needs no
// code here. Where a protocol names a member differently from the SDK's field, as ec2Query often does, a table says so that is generated
// from the SDK's serializers.
//
// It does not know what an action means, nor which there are.
package codec

//go:generate go run ./generate -o names_ec2.go
