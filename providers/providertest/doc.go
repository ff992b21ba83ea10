// Package providertest holds the laws that every provider obeys, and the load balancers to try them on. A provider's test gives Run a
// way to open an empty account of its cloud, as real as it can be, and the number of calls that changes may cost.
//
// The laws:
//
//   - deterministic: Compile gives equal graphs for equal load balancers, in whatever order their parts are listed;
//   - discreet: no key is in anything that a node prints or encodes;
//   - idempotent: what was applied is observed as it was wanted, and applying it again makes no call;
//   - convergent: a fault or a lost answer at any one call, and the world is the wanted one in the end, with nothing twice;
//   - minimal: a change costs the calls that it has to, and no more;
//   - apart: of two owners in one account, neither sees nor touches what is the other's;
//   - leak-free: when nothing is wanted, nothing is left.
//
// The package performs plans in the simplest way that is right. It knows no cloud, no Kubernetes and no reconciler.
package providertest
