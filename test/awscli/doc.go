// Package awscli runs what a user of AWS would write, with the aws CLI and with boto3, against the fake cloud: scripts that make a whole
// load balancer with TLS, wait for it, tag it and delete it, with traffic through it in between. Every aws and every Python with boto3 on
// the PATH runs them, so that an old one and a new one can be side by side. Without any the tests are skipped.
package awscli
