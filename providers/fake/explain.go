package fake

import "github.com/cloudgate-dev/cloudgate/pkg/graph/explain"

// explainMembers says which members come, go and change.
func explainMembers(want, got []Member) string {
	add, remove := memberChanges(want, got)
	known := make(map[memberName]bool, len(got))
	for _, m := range got {
		known[m.name()] = true
	}
	var comes, changes, goes []string
	for _, m := range add {
		if known[m.name()] {
			changes = append(changes, m.String())
		} else {
			comes = append(comes, m.String())
		}
	}
	for _, m := range remove {
		goes = append(goes, Member{Address: m.Address, Port: m.Port}.String())
	}
	return explain.Join(explain.Named("member", comes, "comes", "come"), explain.Named("member", changes, "changes", "change"),
		explain.Named("member", goes, "goes", "go"))
}
