package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/yaml"
)

// serveFolder starts a backend for every endpoint in the folder's manifests. The name of a slice's port says what the backend speaks.
func serveFolder(ctx context.Context, dir string, out io.Writer) error {
	slices, err := readSlices(dir)
	if err != nil {
		return err
	}
	if len(slices) == 0 {
		return fmt.Errorf("no EndpointSlice in %s", dir)
	}
	for _, slice := range slices {
		for _, port := range slice.Ports {
			for i, endpoint := range slice.Endpoints {
				name := fmt.Sprintf("%s-%d", slice.Name, i)
				if endpoint.TargetRef != nil {
					name = endpoint.TargetRef.Name
				}
				if err := serveEndpoint(name, endpoint, port, out); err != nil {
					return err
				}
			}
		}
	}
	<-ctx.Done()
	return nil
}

// serveEndpoint starts one backend, which lives as long as the program.
func serveEndpoint(name string, endpoint discoveryv1.Endpoint, port discoveryv1.EndpointPort, out io.Writer) error {
	if port.Port == nil || len(endpoint.Addresses) == 0 {
		return fmt.Errorf("%s has no port or no address", name)
	}
	kind := "http"
	if port.Name != nil && *port.Name != "" {
		kind = *port.Name
	}
	address := net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(*port.Port)))
	if _, err := listen(kind, name, address, pairFiles{}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s answers %s on %s\n", name, kind, address)
	return nil
}

// readSlices reads every EndpointSlice in the folder's YAML files.
func readSlices(dir string) ([]discoveryv1.EndpointSlice, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var found []discoveryv1.EndpointSlice
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, document := range strings.Split(string(content), "\n---\n") {
			var slice discoveryv1.EndpointSlice
			if err := yaml.Unmarshal([]byte(document), &slice); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if slice.Kind == "EndpointSlice" {
				found = append(found, slice)
			}
		}
	}
	return found, nil
}
