package world

// Quotas are the limits of the account. Zero allows none.
type Quotas struct {
	LoadBalancers            int `json:"loadBalancers"`
	ListenersPerLoadBalancer int `json:"listenersPerLoadBalancer"`
	RulesPerListener         int `json:"rulesPerListener"`
	Pools                    int `json:"pools"`
	MembersPerPool           int `json:"membersPerPool"`
	Certificates             int `json:"certificates"`
}

// DefaultQuotas are generous: the fake cloud is for large tests too.
func DefaultQuotas() Quotas {
	return Quotas{
		LoadBalancers:            2000,
		ListenersPerLoadBalancer: 64,
		RulesPerListener:         20000,
		Pools:                    20000,
		MembersPerPool:           5000,
		Certificates:             5000,
	}
}
