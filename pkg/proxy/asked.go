package proxy

import "net/netip"

// asked is an exchange as rules look at it: a route.Detailed.
type asked exchange

func (a *asked) Host() string                                 { return a.req.Hostname }
func (a *asked) Path() string                                 { return a.req.RawPath }
func (a *asked) Method() string                               { return a.req.Verb }
func (a *asked) Header(name string) (string, bool)            { return a.req.Header(name) }
func (a *asked) Query(name string) (string, bool)             { return a.req.Query(name) }
func (a *asked) HeaderAt(name string, at int) (string, int)   { return a.req.HeaderAt(name, at) }
func (a *asked) QueryAt(at int) (key, value string, next int) { return a.req.QueryAt(at) }
func (a *asked) Source() netip.Addr                           { return a.client.remote.Addr() }
