package fakeapi

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// spec is openapi.yaml.
type spec map[string]any

var readSpec = sync.OnceValue(func() spec {
	var s spec
	if err := yaml.Unmarshal(document, &s); err != nil {
		panic(err)
	}
	return s
})

// at returns what a path of keys leads to, through references.
func (s spec) at(from any, keys ...string) any {
	for _, k := range keys {
		m, _ := s.resolve(from).(map[string]any)
		from = m[k]
	}
	return s.resolve(from)
}

func (s spec) resolve(v any) any {
	for {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return v
		}
		v = any(map[string]any(s))
		for _, k := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			v = v.(map[string]any)[k]
		}
		if v == nil {
			panic("openapi.yaml refers to " + ref + ", which is not there")
		}
	}
}

// operation finds the path that a request is for.
func (s spec) operation(method, path string) any {
	path, _, _ = strings.Cut(path, "?")
	for pattern := range s["paths"].(map[string]any) {
		expr := "^" + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(pattern, "[^/]+") + "$"
		if regexp.MustCompile(expr).MatchString(path) {
			return s.at(map[string]any(s), "paths", pattern, strings.ToLower(method))
		}
	}
	return nil
}

// checkAnswer says where an answer is not what the document promises.
func (s spec) checkAnswer(method, path string, status int, body []byte) []string {
	operation := s.operation(method, path)
	if operation == nil {
		return nil // there is no such call, which is what the answer says
	}
	response := s.at(operation, "responses", fmt.Sprint(status))
	if response == nil && status >= 400 {
		response = s.at(operation, "responses", "default")
	}
	if response == nil {
		return []string{fmt.Sprintf("status %d is not in the document", status)}
	}
	schema := s.at(response, "content", "application/json", "schema")
	if schema == nil {
		return nil
	}
	return s.checkJSON(schema, body)
}

// checkRequest says where a request that was accepted is not what the document asks for.
func (s spec) checkRequest(method, path string, body []byte) []string {
	schema := s.at(s.operation(method, path), "requestBody", "content", "application/json", "schema")
	if schema == nil {
		return nil
	}
	return s.checkJSON(schema, body)
}

func (s spec) checkJSON(schema any, body []byte) []string {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return []string{err.Error()}
	}
	return s.check(schema, v, "")
}

// check is as much of JSON Schema as the document uses.
func (s spec) check(schema, v any, where string) (wrong []string) {
	m := s.resolve(schema).(map[string]any)
	say := func(format string, args ...any) { wrong = append(wrong, where+": "+fmt.Sprintf(format, args...)) }
	if enum, ok := m["enum"].([]any); ok && !slices.Contains(enum, v) {
		say("%v is not one of %v", v, enum)
	}
	number := func(key string, fallback float64) float64 {
		if n, ok := m[key].(float64); ok {
			return n
		}
		return fallback
	}
	size := func(n int, low, high string) {
		if float64(n) < number(low, 0) || float64(n) > number(high, math.Inf(1)) {
			say("%d is too few or too many", n)
		}
	}
	kind := ""
	switch v := v.(type) {
	case map[string]any:
		kind = "object"
		size(len(v), "minProperties", "maxProperties")
		wrong = append(wrong, s.checkObject(m, v, where)...)
	case []any:
		kind = "array"
		size(len(v), "minItems", "maxItems")
		for i, item := range v {
			if items := m["items"]; items != nil {
				wrong = append(wrong, s.check(items, item, fmt.Sprintf("%s[%d]", where, i))...)
			}
		}
	case string:
		kind = "string"
		size(utf8.RuneCountInString(v), "minLength", "maxLength")
		if p, ok := m["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			say("%q does not match %s", v, p)
		}
	case float64:
		kind = "number"
		if m["type"] == "integer" && v == math.Trunc(v) {
			kind = "integer"
		}
		if v < number("minimum", math.Inf(-1)) || v > number("maximum", math.Inf(1)) {
			say("%v is out of range", v)
		}
	case bool:
		kind = "boolean"
	}
	if want, ok := m["type"].(string); ok && want != kind {
		say("it is a %s, not a %s", kind, want)
	}
	return wrong
}

func (s spec) checkObject(m, v map[string]any, where string) (wrong []string) {
	properties, _ := m["properties"].(map[string]any)
	required, _ := m["required"].([]any)
	for _, r := range required {
		if _, ok := v[r.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %s is missing", where, r))
		}
	}
	for k, value := range v {
		switch more := m["additionalProperties"].(type) {
		case map[string]any:
			wrong = append(wrong, s.check(more, value, where+"."+k)...)
		default:
			if p, ok := properties[k]; ok {
				wrong = append(wrong, s.check(p, value, where+"."+k)...)
			} else if more == false {
				wrong = append(wrong, fmt.Sprintf("%s: there is no %s", where, k))
			}
		}
	}
	return wrong
}

// TestRoutesAndDocumentAgree holds each against the other, with their names.
func TestRoutesAndDocumentAgree(t *testing.T) {
	c := newCloud(t)
	served := map[string]string{"GET /openapi.yaml": "GetDocument"}
	for _, o := range append(c.api.operations(), c.api.adminOperations()...) {
		served[o.method+" "+o.path] = o.name
	}
	said := map[string]string{}
	for path, item := range readSpec()["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if method != "parameters" {
				// A call that lists all of a kind is, by its name, the one that lists those of a container.
				said[strings.ToUpper(method)+" "+path] = strings.TrimSuffix(operation.(map[string]any)["operationId"].(string), "OfAll")
			}
		}
	}
	if diff := cmp.Diff(served, said); diff != "" {
		t.Errorf("calls (-served +documented):\n%s", diff)
	}
	got := c.must(http.StatusOK, "GET", "/openapi.yaml", nil)
	if got.raw != string(document) {
		t.Error("what is served is another document")
	}
}

// TestTheCheckCanFail makes sure that the other tests would notice.
func TestTheCheckCanFail(t *testing.T) {
	s := readSpec()
	for _, bad := range []string{
		`{}`, `{"name":"a b","scheme":"internet"}`, `{"name":"a","scheme":"x"}`, `{"name":"a","scheme":"internet","b":1}`,
		`{"name":"a","scheme":"internet","labels":{"a":1}}`, `{"name":7,"scheme":"internet"}`,
		`{"name":"a","scheme":"internet","addresses":["1","2","3","4","5","6","7","8","9"]}`,
	} {
		if len(s.checkRequest("POST", "/v1/loadbalancers", []byte(bad))) == 0 {
			t.Errorf("nothing is wrong with %s", bad)
		}
	}
}
