// Package lan gives load balancers addresses on a network that other machines are on: it finds out whether an address is in use,
// puts it on an interface, tells the neighbours, watches whether somebody else claims it, and takes it away again.
//
// It needs CAP_NET_ADMIN and nothing else: no raw socket, no sysctl, no other program. What RFC 5227 asks a host to do with ARP
// packets of its own, the kernel is made to do through its neighbour table. A neighbour entry for an address that this machine
// does not have makes it ask three times who has it, which is the probe. An entry for an address that it has makes it say three
// times that it has it, which is the announcement, and the entry then takes down who else says so, which is the conflict.
//
// Its addresses bear a label, and an expiry that is put off as long as the process lives: what a killed process leaves behind is
// found by the next one, and goes by itself when there is none. One process has an interface at a time.
//
// It speaks IPv4, and knows nothing of load balancers and of who wants an address for what.
package lan
