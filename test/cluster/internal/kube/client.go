// Package kube is the little of the Kubernetes API that bringing a cluster up takes: waiting for it, applying manifests, reading a few
// fields. It has no client library: that would be larger than everything else here.
package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/pki"
)

// Client speaks to an API server.
type Client struct {
	server string
	http   *http.Client
}

// New returns a client that identifies itself with the certificate.
func New(server string, authority []byte, client pki.Pair) (*Client, error) {
	cert, err := tls.LoadX509KeyPair(client.Cert, client.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("the cluster's authority has no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}, ForceAttemptHTTP2: true}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

// Do sends a request and decodes the answer into result, unless that is nil.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body []byte, result any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(data))
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(data, result)
}

// Until calls try until it succeeds. It fails with try's last error when ctx ends first.
func Until(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Ready asks whether the API server is ready.
func (c *Client) Ready(ctx context.Context) error {
	return c.Do(ctx, http.MethodGet, "/readyz", "", nil, nil)
}

// Version is the server's version.
func (c *Client) Version(ctx context.Context) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	err := c.Do(ctx, http.MethodGet, "/version", "", nil, &version)
	return version.GitVersion, err
}

type conditions struct {
	Status struct {
		Conditions []struct{ Type, Status, Message string } `json:"conditions"`
	} `json:"status"`
}

// condition returns an error unless the object at path has the condition with status True.
func (c *Client) condition(ctx context.Context, path, kind string) error {
	var object conditions
	if err := c.Do(ctx, http.MethodGet, path, "", nil, &object); err != nil {
		return err
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == kind && condition.Status == "True" {
			return nil
		}
		if condition.Type == kind {
			return fmt.Errorf("%s is not %s: %s", path, kind, condition.Message)
		}
	}
	return fmt.Errorf("%s does not say whether it is %s", path, kind)
}

// NodeReady asks whether a node is ready.
func (c *Client) NodeReady(ctx context.Context, name string) error {
	return c.condition(ctx, "/api/v1/nodes/"+name, "Ready")
}

// DNSReady asks whether the cluster's DNS is available.
func (c *Client) DNSReady(ctx context.Context) error {
	return c.condition(ctx, "/apis/apps/v1/namespaces/kube-system/deployments/coredns", "Available")
}

// DescribeNode writes what a kubelet may not say about its own node: its range of pods, and its role.
func (c *Client) DescribeNode(ctx context.Context, name, pods string, controlPlane bool) error {
	labels := map[string]string{}
	if controlPlane {
		labels["node-role.kubernetes.io/control-plane"] = ""
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"labels": labels}, "spec": map[string]any{"podCIDR": pods, "podCIDRs": []string{pods}},
	})
	if err != nil {
		return err
	}
	return c.Do(ctx, http.MethodPatch, "/api/v1/nodes/"+name, "application/merge-patch+json", patch, nil)
}
