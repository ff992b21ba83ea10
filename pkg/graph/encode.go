package graph

import "encoding/json"

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// encoded is a node as JSON. Specs encode themselves; their secrets are of types that encode as a fixed word.
type encoded struct {
	ID        ID       `json:"id"`
	Within    *ID      `json:"within,omitempty"`
	Refs      []ID     `json:"refs,omitempty"`
	Holds     []string `json:"holds,omitempty"`
	Spec      Spec     `json:"spec,omitempty"`
	External  string   `json:"external,omitempty"`
	Pending   string   `json:"pending,omitempty"`
	Deleting  bool     `json:"deleting,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Endpoints []string `json:"endpoints,omitempty"`
}

// MarshalJSON implements json.Marshaler. There is no way back: a Spec does not tell its type.
func (n Node) MarshalJSON() ([]byte, error) {
	e := encoded{
		ID: n.ID, Refs: n.Refs, Holds: n.Holds, Spec: n.Spec,
		External: n.External, Pending: n.Pending, Deleting: n.Deleting, Addresses: n.Addresses, Endpoints: n.Endpoints,
	}
	if n.Within != (ID{}) {
		e.Within = &n.Within
	}
	return json.Marshal(e)
}

// MarshalJSON implements json.Marshaler, with the list of nodes by ID.
func (g Graph) MarshalJSON() ([]byte, error) { return json.Marshal(g.Sorted()) }
