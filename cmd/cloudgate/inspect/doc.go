// Package inspect is what `cloudgate plan` and `cloudgate status` have in common: Snapshots from files or from a cluster, what they ask
// of a cloud, what the cloud has, and what is wrong. It looks and changes nothing.
package inspect
