package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// stage is a copy of the quickstart with backends that run and a certificate made for this run.
type stage struct {
	dir         string
	cloud       cloud
	backends    []backend
	certificate echo.Certificate
}

type backend struct {
	name    string
	service string
	http    *echo.HTTP
}

const (
	// devEndpoints names backends at fixed ports, which may be taken: the stage writes its own.
	devEndpoints = "dev-endpoints.yaml"
	// backendPods is for a cluster.
	backendPods = "backends.yaml"
)

func newStage(quickstart string, cloud cloud) (*stage, error) {
	dir, err := os.MkdirTemp("", "cloudgate-demo-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, cloud: cloud}
	if err := s.fill(quickstart); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) fill(quickstart string) error {
	files, err := filepath.Glob(filepath.Join(quickstart, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no manifests in %s", quickstart)
	}
	for _, file := range files {
		if base := filepath.Base(file); base == devEndpoints || base == backendPods {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := s.write(filepath.Base(file), s.cloud.adapt(string(content))); err != nil {
			return err
		}
	}
	var slices strings.Builder
	for _, service := range []string{"shop-v1", "shop-v2"} {
		http, err := echo.ListenHTTP(service, "127.0.0.1:0", nil)
		if err != nil {
			return err
		}
		s.backends = append(s.backends, backend{name: service, service: service, http: http})
		fmt.Fprintf(&slices, endpointSlice, service, service, http.Addr().Port())
	}
	if err := s.write(devEndpoints, slices.String()); err != nil {
		return err
	}
	if s.certificate, err = echo.NewCertificate("shop.example.com"); err != nil {
		return err
	}
	return s.write("shop-tls.yaml", fmt.Sprintf(tlsSecret,
		base64.StdEncoding.EncodeToString(s.certificate.Chain), base64.StdEncoding.EncodeToString(s.certificate.Key)))
}

const endpointSlice = `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: %s-1
  labels:
    kubernetes.io/service-name: %s
addressType: IPv4
ports:
- {name: http, protocol: TCP, port: %d}
endpoints:
- addresses: [127.0.0.1]
  conditions: {ready: true}
`

const tlsSecret = `apiVersion: v1
kind: Secret
metadata:
  name: shop-tls
type: kubernetes.io/tls
data:
  tls.crt: %s
  tls.key: %s
`

// write puts a file in its place whole, as editors do.
func (s *stage) write(name, content string) error {
	tmp := filepath.Join(s.dir, "."+name+".tmp")
	if err := os.WriteFile(tmp, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.dir, name))
}

// turnWeights edits the canary: from three to one for the first version to one to three.
func (s *stage) turnWeights(context.Context) error {
	content, err := os.ReadFile(filepath.Join(s.dir, "routes.yaml"))
	if err != nil {
		return err
	}
	turned := strings.NewReplacer("weight: 3", "weight: 1", "weight: 1", "weight: 3").Replace(string(content))
	if turned == string(content) {
		return errors.New("the quickstart has no weights to change")
	}
	return s.write("routes.yaml", turned)
}

func (s *stage) close() error {
	var errs []error
	for _, b := range s.backends {
		errs = append(errs, b.http.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
