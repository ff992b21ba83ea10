// Package world is the state of the fake cloud: which load balancers, listeners, rules, pools and certificates exist, what
// depends on what, what is under way, and which addresses are taken. It enforces what a cloud enforces whoever asks: unique
// names, references in use, revisions, quotas, lifecycles.
//
// State is held as immutable values behind one lock. Every change is written to disk before it is acknowledged; many changes
// share one write. Time comes from a Clock and chance from Dice, so that a test decides about both.
//
// It knows nothing of HTTP, of how a request is spelled or checked field by field, or of how traffic is carried. Those who
// carry the traffic follow it with Watch and report back with ReportListener.
package world
