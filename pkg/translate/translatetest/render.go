package translatetest

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// enums are the names of the values of closed sets.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[ir.Reach]():        {"Internet", "Private"},
	reflect.TypeFor[ir.Protocol]():     {"", "HTTP", "HTTPS", "TLS", "TCP", "UDP"},
	reflect.TypeFor[ir.TLSMode]():      {"None", "Terminate", "Passthrough"},
	reflect.TypeFor[ir.PathKind]():     {"Any", "Exact", "Prefix", "Regex"},
	reflect.TypeFor[ir.FieldKind]():    {"Exact", "Regex"},
	reflect.TypeFor[ir.PathEditKind](): {"ReplaceFullPath", "ReplacePrefixMatch"},
	reflect.TypeFor[ir.PoolProtocol](): {"", "HTTP1", "HTTP2", "TCP", "UDP"},
	reflect.TypeFor[ir.Algorithm]():    {"RoundRobin", "LeastRequest"},
	reflect.TypeFor[ir.HealthKind]():   {"TCP", "HTTP"},
	reflect.TypeFor[ir.HealthAsked]():  {"Nobody", "Probe", "Policy"},
}

// Render returns a value as YAML for people: closed sets by name, zero values left out, a condition on one line, certificates by the names
// that they hold, keys never.
func Render(v any) ([]byte, error) {
	return yaml.Marshal(show(reflect.ValueOf(v)))
}

func show(v reflect.Value) any {
	if !v.IsValid() || v.IsZero() && v.Kind() != reflect.Struct && enums[v.Type()] == nil {
		return nil
	}
	if names := enums[v.Type()]; names != nil {
		return names[v.Uint()]
	}
	switch o := v.Interface().(type) {
	case netip.Addr:
		return o.String()
	case time.Duration:
		return o.String()
	case metav1.Time:
		return o.UTC().Format(time.RFC3339)
	case metav1.Condition:
		return fmt.Sprintf("%s=%s %s @%d: %s", o.Type, o.Status, o.Reason, o.ObservedGeneration, o.Message)
	case ir.SecretBytes:
		return "[redacted]"
	case []byte:
		return certificates(o)
	case json.RawMessage:
		return o
	}
	switch v.Kind() {
	case reflect.Pointer:
		return show(v.Elem())
	case reflect.Interface:
		return map[string]any{lowerFirst(v.Elem().Elem().Type().Name()): orEmpty(show(v.Elem()))}
	case reflect.Slice, reflect.Array:
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, orEmpty(show(v.Index(i))))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[fmt.Sprint(key.Interface())] = orEmpty(show(v.MapIndex(key)))
		}
		return out
	case reflect.Struct:
		return showStruct(v)
	default:
		return v.Interface()
	}
}

func orEmpty(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func showStruct(v reflect.Value) any {
	out := map[string]any{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if v.Field(i).IsZero() {
			continue
		}
		shown := show(v.Field(i))
		if inner, isMap := shown.(map[string]any); field.Anonymous && isMap {
			for key, value := range inner {
				out[key] = value
			}
			continue
		}
		if shown != nil {
			out[lowerFirst(field.Name)] = shown
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func lowerFirst(s string) string {
	r := []rune(s)
	if strings.TrimSuffix(s, "s") == strings.ToUpper(strings.TrimSuffix(s, "s")) {
		return strings.ToLower(s) // CAs, TLS
	}
	for i := range r {
		if i > 0 && i+1 < len(r) && unicode.IsLower(r[i+1]) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}

// certificates names what a PEM file holds.
func certificates(data []byte) any {
	var names []string
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return strings.Join(names, ", ")
		}
		data = rest
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "a certificate that cannot be read"
		}
		names = append(names, fmt.Sprintf("certificate %q for %s", cert.Subject.CommonName, strings.Join(cert.DNSNames, " ")))
	}
}
