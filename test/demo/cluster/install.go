package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// namespace is where both charts go.
const namespace = "cloudgate-system"

// demo does the steps of up in a place.
type demo struct {
	workshop
	place place

	images map[string]string // file's digest by image
}

func (d *demo) steps() []step {
	return []step{
		stepOf("look what the machine lacks", "Install what is named, and run it again.", d.place.prepare),
		stepOf("build the tools", "A module that cannot be downloaded? See `go env GOPROXY`. Then run it again.", d.buildTools),
		stepOf("pack the images", "Run `make images` to see the build alone.", d.packImages),
		stepOf("bring the cluster up", "Run it again; make demo-cluster-down first begins from nothing.", d.place.up),
		stepOf("load the images", "Run it again; is the cluster still up?", d.loadImages),
		stepOf("install the fake cloud", "See its pod: kubectl -n "+namespace+" describe pods", d.installFakeCloud),
		stepOf("install Cloudgate", "See its pods: kubectl -n "+namespace+" describe pods", d.installCloudgate),
		stepOf("apply the examples", "See the log: it has what kubectl says.", d.applyExamples),
		stepOf("wait for pods and Gateways", "See kubectl get pods,gateways -A, and the log of deployment/cloudgate in "+namespace+".", d.waitReady),
		stepOf("send requests from outside", "The Gateways are programmed but do not answer as they should: see the log of the pods in "+namespace+".", d.visit),
	}
}

func (d *demo) buildTools(ctx context.Context, t *task) error {
	before := digests(d.root, d.place.build())
	if err := t.run(exec.CommandContext(ctx, "make", d.place.build()...)); err != nil {
		return err
	}
	if changed(before, digests(d.root, d.place.build())) == 0 {
		t.note = "from the cache"
	}
	return nil
}

var images = []string{"cloudgate", "fakecloud", "echo"}

func (d *demo) packImages(ctx context.Context, t *task) error {
	var tars []string
	for _, image := range images {
		tars = append(tars, tarOf(image))
	}
	before := digests(d.root, tars)
	if err := t.run(exec.CommandContext(ctx, "make", "images")); err != nil {
		return err
	}
	after := digests(d.root, tars)
	d.images = map[string]string{}
	for _, image := range images {
		d.images[image] = after[tarOf(image)]
	}
	t.note = fmt.Sprintf("%d of %d unchanged", len(images)-changed(before, after), len(images))
	return nil
}

func tarOf(image string) string { return filepath.Join(".cache", "images", image+".tar") }

// digests are those of files, empty for one that is not there.
func digests(root string, files []string) map[string]string {
	d := map[string]string{}
	for _, file := range files {
		d[file] = ""
		if content, err := os.ReadFile(filepath.Join(root, file)); err == nil {
			sum := sha256.Sum256(content)
			d[file] = hex.EncodeToString(sum[:])
		}
	}
	return d
}

func changed(before, after map[string]string) (n int) {
	for file, digest := range after {
		if before[file] != digest {
			n++
		}
	}
	return n
}

// loaded is what a cluster was given, so that the next run gives it nothing twice. Another cluster of the same name has another UID.
type loaded struct {
	Cluster string
	Images  map[string]string
}

func (d *demo) loadImages(ctx context.Context, t *task) error {
	uid, err := t.output(d.kubectl(ctx, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"))
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, "loaded.json")
	had, err := readLoaded(file)
	if err != nil {
		return err
	}
	has := loaded{Cluster: string(uid), Images: map[string]string{}}
	there := len(images)
	for _, image := range images {
		if had.Cluster != has.Cluster || had.Images[image] != d.images[image] {
			if err := d.place.load(ctx, t, d.path(tarOf(image))); err != nil {
				return err
			}
			there--
		}
		has.Images[image] = d.images[image]
	}
	t.note = fmt.Sprintf("%d of %d there already", there, len(images))
	content, err := json.Marshal(has)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func readLoaded(file string) (l loaded, err error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &l)
	}
	return l, err
}

func (d *demo) kubectl(ctx context.Context, args ...string) *exec.Cmd {
	return d.place.outside(ctx, "kubectl", args...)
}

func (d *demo) installFakeCloud(ctx context.Context, t *task) error {
	return d.helm(ctx, t, "fake-cloud", d.images["fakecloud"])
}

func (d *demo) installCloudgate(ctx context.Context, t *task) error {
	return d.helm(ctx, t, "cloudgate", d.images["cloudgate"])
}

// helm installs a chart or upgrades it, with the values next to this program. The digest of the image goes into an annotation of the pods,
// so that another image under the same tag replaces them.
func (d *demo) helm(ctx context.Context, t *task, chart, digest string) error {
	return t.run(d.place.outside(ctx, d.path("bin", "helm"), "upgrade", "--install", chart, d.path("charts", chart),
		"--namespace", namespace, "--create-namespace", "--wait", "--timeout", "5m",
		"--values", d.path("test", "demo", "cluster", "values", chart+".yaml"),
		"--set-string", "podAnnotations.image="+short(digest)))
}

// short is enough of a digest to tell one image from another.
func short(digest string) string { return digest[:min(12, len(digest))] }

// example is a folder of examples/. It goes to a namespace of its name.
type example struct {
	name        string
	gateway     string // as NAMESPACE/NAME
	certificate string // host name of the certificate that it needs
	secret      string
	backends    []string // Deployments, as NAMESPACE/NAME where that is not the example's own namespace
	own         bool     // it brings its namespaces along
}

var examples = []example{
	{name: "quickstart", gateway: "quickstart/web", certificate: "shop.example.com", secret: "shop-tls", backends: []string{"shop-v1", "shop-v2"}},
	{name: "whoami", gateway: "whoami/web", backends: []string{"whoami"}},
	{name: "left-right", gateway: "left-right/web", backends: []string{"left", "right"}},
	{name: "path-prefix-header", gateway: "path-prefix-header/web", backends: []string{"echo"}},
	{name: "canary", gateway: "canary/web", backends: []string{"stable", "canary"}},
	{name: "https", gateway: "https/secure", certificate: "secure.example.com", secret: "secure-tls", backends: []string{"secure"}},
	{name: "cross-namespace", gateway: "platform/shared", backends: []string{"store/store", "lab/lab"}, own: true},
	{name: "tls-passthrough", gateway: "tls-passthrough/tls", backends: []string{"one", "two"}},
	{name: "tcp", gateway: "tcp/tcp", backends: []string{"lines"}},
	{name: "node-ports", gateway: "node-ports/web", backends: []string{"app"}},
	{name: "rolling-update", gateway: "rolling-update/web", backends: []string{"app"}},
	{name: "udp-dns", gateway: "udp-dns/dns", backends: []string{"dns"}},
}

// deployments are the backends with their namespaces.
func (e example) deployments() (all [][2]string) {
	for _, b := range e.backends {
		if ns, name, ok := strings.Cut(b, "/"); ok {
			all = append(all, [2]string{ns, name})
		} else {
			all = append(all, [2]string{e.name, b})
		}
	}
	return all
}
