// Package serve is one load balancer at work, whatever cloud it is of: an engine of pkg/proxy, the addresses and ports where its
// listeners answer, and what is tried again.
//
// It knows no cloud. What the listeners do is compiled by who uses it.
package serve
