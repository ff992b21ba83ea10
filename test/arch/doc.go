// Package arch holds the house together: tests over `go list` and the syntax tree that say which folder may import which, and
// what a folder may not do. What is forbidden here is forbidden for a reason that CONTRIBUTING.md gives.
package arch
