package translate

import (
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// grants answers whether a reference into another namespace is allowed by a ReferenceGrant there.
type grants map[grantKey]granted

type grantKey struct {
	fromGroup, fromKind, fromNamespace string
	toGroup, toKind, toNamespace       string
}

type granted struct {
	all   bool
	names map[string]bool
}

func newGrants(list []*gwv1.ReferenceGrant) grants {
	g := grants{}
	for _, grant := range list {
		if grant == nil {
			continue
		}
		for _, from := range grant.Spec.From {
			for _, to := range grant.Spec.To {
				g.add(grant.Namespace, from, to)
			}
		}
	}
	return g
}

func (g grants) add(namespace string, from gwv1.ReferenceGrantFrom, to gwv1.ReferenceGrantTo) {
	key := grantKey{
		fromGroup: string(from.Group), fromKind: string(from.Kind), fromNamespace: string(from.Namespace),
		toGroup: string(to.Group), toKind: string(to.Kind), toNamespace: namespace,
	}
	entry := g[key]
	if to.Name == nil || *to.Name == "" {
		entry.all = true
	} else {
		if entry.names == nil {
			entry.names = map[string]bool{}
		}
		entry.names[string(*to.Name)] = true
	}
	g[key] = entry
}

// allow tells whether an object of the Gateway API of kind from may refer to an object of the core group.
func (g grants) allow(from, to Object) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	entry := g[grantKey{
		fromGroup: gwv1.GroupName, fromKind: from.Kind, fromNamespace: from.Namespace,
		toKind: to.Kind, toNamespace: to.Namespace,
	}]
	return entry.all || entry.names[to.Name]
}
