// Package aws is the state of fake AWS accounts' regions: load balancers, listeners, rules, target groups and their targets,
// trust stores, the network that they are in, instances, certificates. A Region has one method for each API action, with the
// SDK's own input and output types; everything that is documented of an action happens here: validation, defaults, quotas,
// idempotency, what is in use, tags, states that pass with time, pages.
//
// Rows are immutable values behind one lock; a change puts another row in the place of the old one. Time comes from a clock and
// chance from dice, so that a test decides about both.
//
// It knows nothing of HTTP, signatures, encodings, throttling, nor of how traffic is carried. Those who carry the traffic follow it
// with Watch and View and report back with ReportTarget and ReportListener.
package aws
