// Package badinput gives the class aws bad days: credentials that are denied, networks that lack something, quotas that are used up, a certificate that
// is rejected, somebody who deletes what is ours, calls that are throttled, a load balancer to take over that may not be. Each has to end in a status that says what to do, cost few calls
// while it lasts, and leave nothing behind once its cause is gone.
//
// It runs the real reconcilers over the in-memory API, and the provider over HTTP against a fake cloud's AWS. Calls are counted where they
// arrive.
package badinput
