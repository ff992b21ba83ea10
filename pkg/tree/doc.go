// Package tree shows one Gateway with everything that hangs on it: listeners, the routes on each, their rules, the pools that
// those forward to, and the targets with their health; and at each what is wrong with it. It is a value first, then text or JSON.
//
// The package decides nothing: what is wrong is what the statuses say. It reads no cluster and no cloud.
package tree
