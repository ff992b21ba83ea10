package fake

import (
	"encoding/json"
	"net/netip"
)

// The types of this file are the API's JSON, for answers and, through the specs, for requests.

const (
	stateProvisioning = "provisioning"
	stateUpdating     = "updating"
	stateDeleting     = "deleting"
	stateFailed       = "failed"
)

// meta is what every resource has.
type meta struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	ETag        string            `json:"etag"`
	State       string            `json:"state"`
	StateReason string            `json:"stateReason"`
}

type loadBalancerAnswer struct {
	meta
	Scheme    string       `json:"scheme"`
	Addresses []netip.Addr `json:"addresses"`
	IPs       []netip.Addr `json:"ips"`
}

type listenerAnswer struct {
	meta
	Port         uint16            `json:"port"`
	Protocol     string            `json:"protocol"`
	Servers      []Server          `json:"servers"`
	Clients      *ClientValidation `json:"clients"`
	LoadBalancer string            `json:"loadBalancer"`
	Endpoint     string            `json:"endpoint"`
}

type ruleAnswer struct {
	meta
	Server   string  `json:"server"`
	Matches  []Match `json:"matches"`
	CORS     *CORS   `json:"cors"`
	Action   Action  `json:"action"`
	Listener string  `json:"listener"`
}

type poolAnswer struct {
	meta
	Protocol    string       `json:"protocol"`
	Algorithm   string       `json:"algorithm"`
	TLS         *PoolTLS     `json:"tls"`
	HealthCheck *HealthCheck `json:"healthCheck"`
	Session     *Session     `json:"session"`
	RetryBudget *RetryBudget `json:"retryBudget"`
	Limits      *Limits      `json:"limits"`
	Members     []Member     `json:"members"`
}

type certificateAnswer struct {
	meta
}

type memberHealth struct {
	Member
	Health string `json:"health"`
	Reason string `json:"reason"`
}

type page[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"nextPageToken"`
}

type membersRequest struct {
	Add    []Member     `json:"add,omitempty"`
	Remove []memberName `json:"remove,omitempty"`
}

type memberName struct {
	Address netip.Addr `json:"address"`
	Port    uint16     `json:"port"`
}

type errorAnswer struct {
	Error struct {
		Code     string          `json:"code"`
		Message  string          `json:"message"`
		Resource json.RawMessage `json:"resource"`
	} `json:"error"`
}
