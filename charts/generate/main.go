// Command generate writes the custom resource definitions of the Gateway API, in both channels, into charts/cloudgate, from the module
// that the code is built with: chart and code cannot be of two versions.
//
// A release of Helm is one Secret of at most 1 MiB, and holds the chart and what it rendered. Both channels as they are would not fit.
// Nearly all of their bulk is descriptions, and most of these occur several times: so descriptions are in a table of their own and
// referred to as @NUMBER. The template puts them back; nothing that a user sees is lost.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	module = "sigs.k8s.io/gateway-api"
	target = "cloudgate/files/gateway-api"
	header = "# Generated from " + module + " %s by `make generate`. Do not edit.\n"
	// shortest is the length from which a description is worth a reference.
	shortest = 24
)

// channels are those of the Gateway API; standard first, so that its numbers change least.
var channels = []string{"standard", "experimental"}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", module).Output()
	if err != nil {
		return fmt.Errorf("find %s: %w", module, err)
	}
	dir, version, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !ok || dir == "" {
		return fmt.Errorf("%s is not downloaded: run `go mod download`", module)
	}
	var t table
	for _, channel := range channels {
		text, err := t.channel(filepath.Join(dir, "config", "crd", channel))
		if err != nil {
			return err
		}
		if err := write(channel+".yaml", version, text); err != nil {
			return err
		}
	}
	text, err := yaml.Marshal(t.texts)
	if err != nil {
		return err
	}
	return write("descriptions.yaml", version, text)
}

func write(name, version string, text []byte) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(target, name), append(fmt.Appendf(nil, header, version), text...), 0o644)
}

// table holds each description once, in the order of its first use.
type table struct {
	texts  []string
	number map[string]int
}

// channel returns the documents in the files of dir, with references for descriptions.
func (t *table) channel(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "gateway*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no files in %s", dir)
	}
	sort.Strings(files)
	var out bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
			var doc map[string]any
			if err := yaml.Unmarshal([]byte(part), &doc); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if len(doc) == 0 {
				continue
			}
			if err := t.document(&out, doc); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return out.Bytes(), nil
}

func (t *table) document(out *bytes.Buffer, doc map[string]any) error {
	delete(doc, "status") // is the API server's
	if err := keep(doc); err != nil {
		return err
	}
	if err := t.intern(doc); err != nil {
		return err
	}
	text, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	out.WriteString("---\n")
	out.Write(text)
	return nil
}

// keep has Helm leave the object where it is when the release goes: with the CRDs would go every Gateway of everybody.
func keep(doc map[string]any) error {
	metadata, ok := doc["metadata"].(map[string]any)
	if !ok {
		return fmt.Errorf("%v has no metadata", doc["kind"])
	}
	annotations, ok := metadata["annotations"].(map[string]any)
	if !ok {
		annotations = make(map[string]any)
		metadata["annotations"] = annotations
	}
	annotations["helm.sh/resource-policy"] = "keep"
	return nil
}

// intern puts references for the descriptions in v, in the order of the keys.
func (t *table) intern(v any) error {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			if text, ok := v[k].(string); ok && k == "description" && len(text) >= shortest {
				v[k] = t.reference(text)
			} else if err := t.intern(v[k]); err != nil {
				return err
			}
		}
	case []any:
		for i := range v {
			if err := t.intern(v[i]); err != nil {
				return err
			}
		}
	case string:
		if strings.HasPrefix(v, "@") {
			return fmt.Errorf("%q could be taken for a reference to a description", v)
		}
	}
	return nil
}

func (t *table) reference(text string) string {
	if t.number == nil {
		t.number = make(map[string]int)
	}
	n, ok := t.number[text]
	if !ok {
		n = len(t.texts)
		t.number[text], t.texts = n, append(t.texts, text)
	}
	return fmt.Sprintf("@%d", n)
}
