// Package crash ends the controller at every step of its plans in turn, before the cloud has heard of the step and after it has
// performed it and before the answer arrives, and starts the next one. The cloud has to come to the same world, with nothing twice
// and nothing left over.
//
// It runs the real reconcilers over the in-memory API, and the provider of the fake cloud over HTTP.
package crash
