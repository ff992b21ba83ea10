package fake

import (
	"cmp"
	"net/netip"
	"slices"
)

// mostMembers is how many members one call can name.
const mostMembers = 500

// String returns address:port.
func (m Member) String() string { return netip.AddrPortFrom(m.Address, m.Port).String() }

func (m Member) name() memberName { return memberName{Address: m.Address, Port: m.Port} }

func compareMembers(a, b Member) int {
	return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Port, b.Port))
}

// canonicalMembers sorts members and gives a weight to those that have none, as the cloud understands them.
func canonicalMembers(members []Member) []Member {
	if len(members) == 0 {
		return nil
	}
	out := slices.Clone(members)
	for i := range out {
		out[i].Weight = max(out[i].Weight, 1)
	}
	slices.SortFunc(out, compareMembers)
	return out
}

// memberChanges returns the members that are missing or have another weight or draining, and those that are too many, both in
// order of their address. want and got are canonical.
func memberChanges(want, got []Member) (add []Member, remove []memberName) {
	for len(want) > 0 || len(got) > 0 {
		order := 0
		switch {
		case len(got) == 0:
			order = -1
		case len(want) == 0:
			order = 1
		default:
			order = compareMembers(want[0], got[0])
		}
		switch {
		case order < 0:
			add, want = append(add, want[0]), want[1:]
		case order > 0:
			remove, got = append(remove, got[0].name()), got[1:]
		default:
			if want[0] != got[0] {
				add = append(add, want[0])
			}
			want, got = want[1:], got[1:]
		}
	}
	return add, remove
}

// memberCalls splits changes into calls of at most mostMembers. What comes is called before what goes, so that a pool that has
// members always has some.
func memberCalls(add []Member, remove []memberName) []membersRequest {
	var calls []membersRequest
	for len(add) > 0 || len(remove) > 0 {
		a := min(len(add), mostMembers)
		r := min(len(remove), mostMembers-a)
		calls = append(calls, membersRequest{Add: add[:a], Remove: remove[:r]})
		add, remove = add[a:], remove[r:]
	}
	return calls
}
