package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// settings are what the GatewayConfigs of a Gateway and its class say about AWS: the section aws of a GatewayConfig, merged.
type settings struct {
	Subnets                       settingsSubnets    `json:"subnets"`
	SecurityGroups                []string           `json:"securityGroups"`
	SourceRanges                  []string           `json:"sourceRanges"`
	BackendSecurityGroups         settingsBackend    `json:"backendSecurityGroups"`
	IPAddressType                 string             `json:"ipAddressType"` // "IPv4", "DualStack" or empty
	Tags                          map[string]string  `json:"tags"`
	Certificates                  settingsCerts      `json:"certificates"`
	SSLPolicy                     string             `json:"sslPolicy"`
	TrustStoreARN                 string             `json:"trustStoreARN"`
	TrustStoreBucket              *settingsBucket    `json:"trustStoreBucket"`
	IgnoreClientCertificateExpiry bool               `json:"ignoreClientCertificateExpiry"`
	AdvertiseTrustStoreCANames    bool               `json:"advertiseTrustStoreCANames"`
	AccessLogs                    *settingsLogs      `json:"accessLogs"`
	IdleTimeout                   *settingsDuration  `json:"idleTimeout"`
	DeletionProtection            *bool              `json:"deletionProtection"`
	LoadBalancerAttributes        settingsAttributes `json:"loadBalancerAttributes"`
	TargetGroupAttributes         settingsAttributes `json:"targetGroupAttributes"`
	ListenerAttributes            settingsAttributes `json:"listenerAttributes"`
}

type settingsSubnets struct {
	IDs  []string          `json:"ids"`
	Tags map[string]string `json:"tags"`
}

type settingsBackend struct {
	Manage      bool     `json:"manage"`
	IDs         []string `json:"ids"`
	ClusterName string   `json:"clusterName"`
}

type settingsCerts struct {
	ARNs     []string `json:"arns"`
	Discover bool     `json:"discover"`
}

type settingsBucket struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix"`
}

type settingsLogs struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}

type settingsAttributes map[string]string

// settingsDuration is "1m30s" in JSON.
type settingsDuration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *settingsDuration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = settingsDuration(v)
	return err
}

// readSettings reads ir.LoadBalancer.Settings. A field that it does not know is an error: what a user asked for is not passed over.
func readSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if len(raw) == 0 {
		return s, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return settings{}, fmt.Errorf("the settings for AWS: %w", err)
	}
	return s, nil
}
