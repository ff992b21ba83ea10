package charts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ chart, set, want string }{
		{"cloudgate", "replica=2", "additional properties 'replica' not allowed"},
		{"cloudgate", "replicas=two", "at '/replicas': got string, want integer"},
		{"cloudgate", "replicas=0", "minimum: got 0, want 1"},
		{"cloudgate", "providers.gcp.enabled=true", "additional properties 'gcp' not allowed"},
		{"cloudgate", "providers.aws.region=Frankfurt am Main", "at '/providers/aws/region'"},
		{"cloudgate", "providers.aws.vpcID=main", "at '/providers/aws/vpcID'"},
		{"cloudgate", "providers.aws.endpoint=fake-cloud", "at '/providers/aws/endpoint'"},
		{"cloudgate", "providers.aws.roleARN=cloudgate", "at '/providers/aws/roleARN'"},
		{"cloudgate", "providers.aws.roleARN=arn:aws:iam::123456789012:role/a,providers.aws.credentialsSecret=b", "providers.aws: give credentialsSecret or roleARN"},
		{"cloudgate", "providers.fake.enabled=false", "no provider is enabled"},
		{"cloudgate", "providers.fake.endpoint=fake-cloud", "at '/providers/fake/endpoint'"},
		{"cloudgate", "gatewayAPI.channel=beta", "value must be one of 'standard', 'experimental'"},
		{"cloudgate", "controller.auditInterval=10", "at '/controller/auditInterval'"},
		{"cloudgate", "controller.logLevel=loud", "value must be one of 'debug', 'info', 'warn', 'error'"},
		{"cloudgate", "controller.extraArgs={workers}", "at '/controller/extraArgs/0'"},
		{"cloudgate", "gatewayClasses[0].name=a", "missing property 'provider'"},
		{"cloudgate", "gatewayClasses[0].name=a,gatewayClasses[0].provider=gcp", "value must be one of 'fake', 'aws'"},
		{"cloudgate", "gatewayClasses[0].name=a,gatewayClasses[0].provider=aws", "names the provider aws, which is not enabled"},
		{"cloudgate", "gatewayClasses[0].name=a,gatewayClasses[0].provider=fake,gatewayClasses[1].name=a,gatewayClasses[1].provider=fake", "a is there twice"},
		{"cloudgate", "gatewayClasses[0].name=a,gatewayClasses[0].provider=fake,gatewayClasses[0].parametersRef.name=b", "missing property 'namespace'"},
		{"cloudgate", "podDisruptionBudget.minAvailable=1", "give one of minAvailable and maxUnavailable"},
		{"cloudgate", "replicas=1,podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=null", "no node could be emptied"},
		{"cloudgate", "podDisruptionBudget.maxUnavailable=some", "at '/podDisruptionBudget/maxUnavailable'"},
		{"cloudgate", "fullnameOverride=Big_Name", "at '/fullnameOverride'"},
		{"cloudgate", "nameOverride=a b", "at '/nameOverride'"},
		{"cloudgate", "image.repository=cloudgate:v1", "at '/image/repository'"},
		{"cloudgate", "image.tag=a b", "at '/image/tag'"},
		{"cloudgate", "controller.clusterID=a b", "at '/controller/clusterID'"},
		{"cloudgate", "commonLabels.a=b c", "at '/commonLabels/a'"},
		{"cloudgate", `commonLabels.app\.kubernetes\.io/name=x`, "commonLabels: app.kubernetes.io/name is a label that the chart sets itself"},
		{"cloudgate", `podLabels.app\.kubernetes\.io/component=x`, "podLabels: app.kubernetes.io/component is a label that the chart sets itself"},
		{"cloudgate", "priorityClassName=a: b", "at '/priorityClassName'"},
		{"cloudgate", "metrics=null", "missing property 'metrics'"},
		{"cloudgate", "controller.workers=null", "missing property 'workers'"},
		{"cloudgate", "metrics.port=8081", "at '/metrics/port'"},
		{"cloudgate", "serviceAccount.create=false", "serviceAccount.name: name a ServiceAccount"},
		{"fake-cloud", "replicas=2", "additional properties 'replicas' not allowed"},
		{"fake-cloud", "addressPool=some", "at '/addressPool'"},
		{"fake-cloud", "addressPool=fd00::/64", "at '/addressPool'"},
		{"fake-cloud", `podLabels.helm\.sh/chart=x`, "podLabels: helm.sh/chart is a label that the chart sets itself"},
		{"fake-cloud", "aws.identityProviders[0].issuer=https://a", "missing properties 'audiences', 'jwks'"},
		{"fake-cloud", "token.value=short", "token.value: give at least 16 characters"},
		{"fake-cloud", "token.value=0123456789abcdef,token.existingSecret=x", "token: give value or existingSecret"},
		{"fake-cloud", "persistence.hostPath=relative", "at '/persistence/hostPath'"},
		{"fake-cloud", "persistence.hostPath=/x,persistence.existingClaim=x", "persistence: give hostPath or existingClaim"},
		{"fake-cloud", "dns.port=7070", "are the same port"},
	} {
		_, got, err := tryHelm(t, "template", c.chart, c.chart, "--set", c.set)
		if err == nil {
			t.Errorf("%s --set %s: is taken", c.chart, c.set)
		} else if !strings.Contains(got, c.want) {
			t.Errorf("%s --set %s: want %q in:\n%s", c.chart, c.set, c.want, got)
		} else if _, token, ok := strings.Cut(c.set, "token.value="); ok && strings.Contains(got, token) {
			t.Errorf("%s --set %s: the token is in the message:\n%s", c.chart, c.set, got)
		}
	}
}

// Every object of the schema is closed, but those that are handed on as they are.
func TestSchemaIsStrict(t *testing.T) {
	for _, chart := range names {
		text, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var defaults map[string]any
		if err := yaml.Unmarshal(values, &defaults); err != nil {
			t.Fatal(err)
		}
		covers(t, chart, schema, defaults)
	}
}

// covers checks that schema names the keys of values and no others, and asks for those that a template cannot do without: they can be
// null, and they are missing when the values of an older release are used again.
func covers(t *testing.T, path string, schema, values map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	if properties == nil {
		return // handed on as it is
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s: is open", path)
	}
	for key, v := range values {
		under, ok := properties[key].(map[string]any)
		if !ok {
			t.Errorf("%s.%s: is not in the schema", path, key)
			continue
		}
		required, _ := schema["required"].([]any)
		need := v != nil && v != ""
		switch v := v.(type) {
		case map[string]any:
			need = under["properties"] != nil && key != "resources"
			covers(t, path+"."+key, under, v)
		case []any:
			need = false
		case int:
			need = need && key != "maxUnavailable" // has a counterpart
		}
		if need && !slices.Contains(required, any(key)) {
			t.Errorf("%s.%s: is not required by the schema", path, key)
		}
	}
	for key := range properties {
		_, has := values[key]
		// What has no default: Helm's own, and parts of resources.
		if !has && key != "global" && key != "claims" {
			t.Errorf("%s.%s: is in the schema, and not in values.yaml", path, key)
		}
	}
}

const begin, end = "<!-- values -->\n", "<!-- /values -->\n"

func TestReadmeTellsTheValues(t *testing.T) {
	for _, chart := range names {
		values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(values, &doc); err != nil {
			t.Fatal(err)
		}
		table := bytes.NewBufferString("| Value | Default | What it is |\n|---|---|---|\n")
		rows(t, table, "", doc.Content[0])
		path := filepath.Join(chart, "README.md")
		readme, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(readme), begin)
		got, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s: has no %q and %q", path, begin, end)
		}
		if *update {
			if err := os.WriteFile(path, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(table.String(), got); diff != "" {
			t.Errorf("%s: want -, got + (-update rewrites it):\n%s", path, diff)
		}
	}
}

// rows writes a row for each leaf under node. A value's comment is the text; one without is told by its name.
func rows(t *testing.T, out *bytes.Buffer, path string, node *yaml.Node) {
	t.Helper()
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		text := strings.Join(strings.Fields(strings.ReplaceAll(comment(key.HeadComment), "#", " ")), " ")
		text = strings.ReplaceAll(text, "|", `\|`)
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 && !strings.HasSuffix(at, "ecurityContext") && key.Value != "resources" && key.Value != "labels" && key.Value != "nodeSelector" {
			if text != "" {
				fmt.Fprintf(out, "| `%s` | | %s |\n", at, text)
			}
			rows(t, out, at, value)
			continue
		}
		var v any
		if err := value.Decode(&v); err != nil {
			t.Fatal(err)
		}
		def, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "| `%s` | `%s` | %s |\n", at, def, text)
	}
}

// comment is the last paragraph of a comment: those before are about more than one value.
func comment(head string) string {
	parts := strings.Split(head, "\n\n")
	return parts[len(parts)-1]
}
