package kube

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strings"
)

//go:embed manifests
var manifests embed.FS

// Names of the images that `up` makes.
const (
	PauseImage   = "docker.io/cloudgate-dev/cluster-pause:dev"
	CoreDNSImage = "docker.io/cloudgate-dev/cluster-coredns:dev"
)

// Apply applies what every cluster has: its DNS, and its default StorageClass. Each document begins with a comment that says where in the
// API it belongs.
func (c *Client) Apply(ctx context.Context) error {
	entries, err := manifests.ReadDir("manifests")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		data, err := manifests.ReadFile("manifests/" + entry.Name())
		if err != nil {
			return err
		}
		for _, document := range strings.Split(string(data), "\n---\n") {
			path, body, found := strings.Cut(document, "\n")
			path, isPath := strings.CutPrefix(path, "# ")
			if !found || !isPath {
				return fmt.Errorf("manifest %s: a document begins with no path", entry.Name())
			}
			body = strings.ReplaceAll(body, "COREDNS_IMAGE", CoreDNSImage)
			apply := func(ctx context.Context) error {
				return c.Do(ctx, http.MethodPatch, path+"?fieldManager=cluster&force=true", "application/apply-patch+yaml", []byte(body), nil)
			}
			if err := Until(ctx, apply); err != nil {
				return err
			}
		}
	}
	return nil
}
