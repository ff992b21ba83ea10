package aws

import "maps"

// DefaultQuotas returns the limits that AWS sets at first, by the names of DescribeAccountLimits and, for what that does not have,
// names like them.
func DefaultQuotas() map[string]int {
	return map[string]int{
		"application-load-balancers":                              50,
		"network-load-balancers":                                  50,
		"gateway-load-balancers":                                  100,
		"gateway-load-balancers-per-vpc":                          100,
		"geneve-target-groups":                                    100,
		"target-groups":                                           3000,
		"listeners-per-application-load-balancer":                 50,
		"listeners-per-network-load-balancer":                     50,
		"rules-per-application-load-balancer":                     100,
		"certificates-per-application-load-balancer":              25,
		"certificates-per-network-load-balancer":                  25,
		"target-groups-per-application-load-balancer":             100,
		"target-groups-per-action-on-application-load-balancer":   5,
		"target-groups-per-action-on-network-load-balancer":       5,
		"targets-per-application-load-balancer":                   1000,
		"target-id-registrations-per-application-load-balancer":   1000,
		"targets-per-network-load-balancer":                       3000,
		"targets-per-availability-zone-per-network-load-balancer": 500,
		"targets-per-availability-zone-per-gateway-load-balancer": 300,
		"targets-per-target-group":                                1000,
		"condition-values-per-alb-rule":                           5,
		"condition-wildcards-per-alb-rule":                        6,
		"trust-stores-per-account":                                20,
		"ca-certificates-per-trust-store":                         25,
		"verifying-listeners-per-application-load-balancer":       2,
		"revocation-entries-per-trust-store":                      500000,
		"trust-store-revocation-lists-per-trust-store":            30,
		"security-groups-per-load-balancer":                       5,
		"network-load-balancer-enis-per-vpc":                      1200,
		"security-groups-per-vpc":                                 2500,
		"rules-per-security-group":                                60,
		"security-groups-per-network-interface":                   5,
		"s3-buckets":                                              10000,
		"s3-megabytes":                                            256, // of this fake: it keeps all objects in memory
		"acm-certificates":                                        2500,
		"acm-imported-certificates":                               2500,
		"acm-domains-per-certificate":                             10,
	}
}

func initialQuotas(cfg Config) map[string]int {
	quotas := DefaultQuotas()
	maps.Copy(quotas, cfg.Quotas)
	return quotas
}

// Quotas returns the limits that hold now.
func (c *Cloud) Quotas() map[string]int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return maps.Clone(c.quotas)
}

// SetQuota changes a limit for what is made from now on. It lasts until the Cloud is closed. It returns false for one that there is not.
func (c *Cloud) SetQuota(name string, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.quotas[name]; !ok || limit < 0 {
		return false
	}
	c.quotas[name] = limit
	return true
}

// quota returns one limit. The lock is held.
func (r *Region) quota(name string) int { return r.cloud.quotas[name] }
