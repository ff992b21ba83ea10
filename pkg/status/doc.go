// Package status turns the Report of package translate and what became of it in the cloud into the statuses of the objects
// concerned. Every sentence that a user reads in a status is written here.
//
// Messages are stable: equal inputs give equal sentences, lists in them are sorted, and no request id or time is in them, or
// every status write would cause the next one. A status is merged with the one the object has: what other controllers
// wrote stays as it is, and a condition that did not change keeps its time of transition.
//
// The package reads no clock and writes nothing.
package status
