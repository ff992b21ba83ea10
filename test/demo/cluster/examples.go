package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

const (
	// readyTime is how long pods and Gateways may take together.
	readyTime = 5 * time.Minute
	// freshFor is how long a certificate has to be good yet to be kept from run to run.
	freshFor = 2 * time.Hour
)

// applyExamples applies all examples, each in a namespace of its own, as `kubectl apply -n NAME -k examples/NAME` would one by one: a
// Kustomization of the demo's names them all, so that kubectl learns what the API server serves only once.
func (d *demo) applyExamples(ctx context.Context, t *task) error {
	if err := d.applySecrets(ctx, t); err != nil {
		return err
	}
	all := filepath.Join(d.dir, "examples")
	if err := writeKustomizations(d.root, all, d.images["echo"]); err != nil {
		return err
	}
	return t.run(d.kubectl(ctx, "apply", "-k", all))
}

const kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"

// ofImage puts the image's digest into an annotation of the pods: they do not notice another image under the same tag.
const ofImage = `patches:
- target: {kind: Deployment}
  patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: any}
    spec: {template: {metadata: {annotations: {image: "%s"}}}}
`

// writeKustomizations writes one for each example, which puts it in its namespace, and one that has them all.
func writeKustomizations(root, dir, image string) error {
	all := kustomization + "resources:\n"
	for _, e := range examples {
		all += "- " + e.name + "\n"
		one := kustomization
		if !e.own {
			one += "namespace: " + e.name + "\n"
		}
		from, err := filepath.Rel(filepath.Join(dir, e.name), filepath.Join(root, "examples", e.name))
		if err != nil {
			return err
		}
		one += "resources:\n- " + from + "\n" + fmt.Sprintf(ofImage, short(image))
		if err := writeFile(filepath.Join(dir, e.name, "kustomization.yaml"), one); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(dir, "kustomization.yaml"), all)
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// applySecrets makes the namespaces and the certificates in them.
func (d *demo) applySecrets(ctx context.Context, t *task) error {
	var manifest strings.Builder
	for _, e := range examples {
		if !e.own {
			fmt.Fprintf(&manifest, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", e.name)
		}
		if e.certificate == "" {
			continue
		}
		c, err := d.certificate(e.certificate)
		if err != nil {
			return err
		}
		fmt.Fprintf(&manifest, tlsSecret, e.secret, e.name,
			base64.StdEncoding.EncodeToString(c.Chain), base64.StdEncoding.EncodeToString(c.Key))
	}
	return d.apply(ctx, t, manifest.String())
}

func (d *demo) apply(ctx context.Context, t *task, manifest string) error {
	cmd := d.kubectl(ctx, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	return t.run(cmd)
}

const tlsSecret = `---
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: %s}
type: kubernetes.io/tls
data: {tls.crt: %s, tls.key: %s}
`

// certificate returns the demo's certificate for a host, made anew when there is none or it ends soon.
func (w workshop) certificate(host string) (echo.Certificate, error) {
	dir := filepath.Join(w.dir, "certificates")
	chain, key := filepath.Join(dir, host+".crt"), filepath.Join(dir, host+".key")
	var c echo.Certificate
	var errChain, errKey error
	c.Chain, errChain = os.ReadFile(chain)
	c.Key, errKey = os.ReadFile(key)
	if errors.Join(errChain, errKey) == nil && fresh(c) {
		return c, nil
	}
	c, err := echo.NewCertificate(host)
	if err != nil {
		return c, err
	}
	return c, errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(chain, c.Chain, 0o600), os.WriteFile(key, c.Key, 0o600))
}

func fresh(c echo.Certificate) bool {
	pair, err := c.TLS()
	return err == nil && pair.Leaf != nil && pair.Leaf.NotAfter.After(time.Now().Add(freshFor))
}

// trust is a client's that knows the demo's certificates and no other.
func (w workshop) trust() (*tls.Config, error) {
	pool := x509.NewCertPool()
	for _, e := range examples {
		if e.certificate == "" {
			continue
		}
		c, err := w.certificate(e.certificate)
		if err != nil {
			return nil, err
		}
		pool.AppendCertsFromPEM(c.Chain)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// waitReady waits for the examples' pods, then for all Gateways.
func (d *demo) waitReady(ctx context.Context, t *task) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, e := range examples {
		for _, b := range e.deployments() {
			if err := t.run(d.kubectl(ctx, "rollout", "status", "-n", b[0], "deployment/"+b[1])); err != nil {
				return err
			}
		}
	}
	told := map[string]bool{}
	for {
		gateways, err := readGateways(d.kubectl(ctx, "get", "gateways", "-A", "-o", "json"))
		if err != nil {
			return err
		}
		waiting := unprogrammed(gateways, told)
		if len(waiting) == 0 {
			t.note = fmt.Sprintf("%d Gateways are Programmed", len(told))
			return nil
		}
		fmt.Fprintf(t, "waiting for %s\n", strings.Join(waiting, ", "))
		select {
		case <-ctx.Done():
			return fmt.Errorf("not programmed in time: %s", strings.Join(waiting, ", "))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// gateway is the part of a Gateway that the demo reads.
type gateway struct {
	Metadata struct {
		Namespace, Name string
		Generation      int64
	}
	Spec struct {
		Listeners []struct{ Port uint16 }
	}
	Status struct {
		Addresses  []struct{ Type, Value string }
		Conditions []struct {
			Type, Status, Reason, Message string
			ObservedGeneration            int64
		}
	}
}

func (g gateway) id() string { return g.Metadata.Namespace + "/" + g.Metadata.Name }

// waitsFor says why the Gateway does not serve yet, and nothing when it does.
func (g gateway) waitsFor() string {
	for _, c := range g.Status.Conditions {
		switch {
		case c.Type != "Programmed":
		case c.ObservedGeneration != g.Metadata.Generation:
			return "not looked at as it is now"
		case c.Status != "True":
			return c.Reason + ": " + c.Message
		case g.address() == "":
			return "no address"
		default:
			return ""
		}
	}
	return "no condition Programmed"
}

func (g gateway) address() string {
	for _, a := range g.Status.Addresses {
		if a.Type == "IPAddress" {
			return a.Value
		}
	}
	return ""
}

func readGateways(kubectl *exec.Cmd) ([]gateway, error) {
	out, err := kubectl.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(kubectl.Args, " "), err)
	}
	var list struct{ Items []gateway }
	return list.Items, json.Unmarshal(out, &list)
}

// unprogrammed names the examples' Gateways that do not serve yet, and prints those that do once.
func unprogrammed(gateways []gateway, told map[string]bool) (waiting []string) {
	known := map[string]gateway{}
	for _, g := range gateways {
		known[g.id()] = g
	}
	for _, e := range examples {
		g := known[e.gateway]
		if reason := g.waitsFor(); reason != "" {
			waiting = append(waiting, e.gateway+" ("+reason+")")
			continue
		}
		if !told[e.gateway] {
			told[e.gateway] = true
			fmt.Printf("    %-28s Programmed at %s\n", e.gateway, g.address())
		}
	}
	return waiting
}
