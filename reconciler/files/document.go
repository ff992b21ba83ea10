package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// piece is one YAML document and the line of the file on which it begins.
type piece struct {
	text []byte
	line int
}

// split cuts a stream at the lines that separate documents.
func split(raw []byte) []piece {
	var pieces []piece
	current := piece{line: 1}
	for n, line := range bytes.SplitAfter(raw, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("---")) && len(bytes.TrimRight(line[3:], " \t\r\n")) == 0 {
			pieces = append(pieces, current)
			current = piece{line: n + 2}
			continue
		}
		current.text = append(current.text, line...)
	}
	return append(pieces, current)
}

// document takes one document, which begins at the line of at.
func (l *loader) document(at Origin, text []byte) {
	var root yamlv3.Node
	// What yaml.v3 does not understand is told below, in the words of the parser that counts: only lines come from here.
	if err := yamlv3.Unmarshal(text, &root); err == nil && (root.Kind == 0 || isNull(&root)) {
		return
	}
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		line, message := yamlError(err)
		l.fail(Origin{at.File, at.Line + line}, "%s", message)
		return
	}
	src := source{file: at.File, first: at.Line}
	if root.Kind == yamlv3.DocumentNode && len(root.Content) == 1 {
		src.node = root.Content[0]
	}
	l.object(src, raw, true)
}

func isNull(doc *yamlv3.Node) bool {
	return doc.Kind == yamlv3.DocumentNode && len(doc.Content) == 1 && doc.Content[0].Tag == "!!null"
}

var yamlLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?`)

// yamlError returns how many lines below the first of the document an error is, and what it says.
func yamlError(err error) (int, string) {
	text := strings.Join(strings.Fields(err.Error()), " ")
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return 0, text
	}
	line, err := strconv.Atoi(m[1])
	if err != nil {
		line = 1
	}
	return line - 1, text[len(m[0]):]
}

// source is a value in a file, with its node where one is known.
type source struct {
	file  string
	first int // the line of the file on which the document begins
	node  *yamlv3.Node
}

func (s source) origin() Origin {
	if s.node == nil {
		return Origin{s.file, s.first}
	}
	return Origin{s.file, s.first + s.node.Line - 1}
}

// at returns the place of a field, as far down its path as the document goes.
func (s source) at(path string) Origin {
	for _, part := range pathParts(path) {
		child, ok := s.child(part)
		if !ok {
			break
		}
		s.node = child
	}
	return s.origin()
}

// child returns the value of a field, whose line is that of its key, or an item of a list.
func (s source) child(part string) (*yamlv3.Node, bool) {
	switch {
	case s.node == nil:
	case s.node.Kind == yamlv3.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(s.node.Content) {
			return s.node.Content[i], true
		}
	case s.node.Kind == yamlv3.MappingNode:
		for i := 0; i+1 < len(s.node.Content); i += 2 {
			if key := s.node.Content[i]; key.Value == part {
				value := *s.node.Content[i+1]
				value.Line = key.Line
				return &value, true
			}
		}
	}
	return nil, false
}

// pathParts splits spec.rules[0].name.
func pathParts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

type header struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
}

// object takes one object, or the items of a list.
func (l *loader) object(src source, raw []byte, lists bool) {
	var h header
	if err := json.Unmarshal(raw, &h); err != nil {
		l.fail(src.origin(), "not a Kubernetes object")
		return
	}
	switch {
	case h.Kind == "" || h.APIVersion == "":
		l.fail(src.origin(), "not a Kubernetes object: apiVersion and kind are required")
		return
	case lists && strings.HasSuffix(h.Kind, "List") && h.Items != nil:
		for i, item := range h.Items {
			inner := src
			if items, ok := src.child("items"); ok {
				if node, ok := (source{node: items}).child(strconv.Itoa(i)); ok {
					inner.node = node
				}
			}
			l.object(inner, item, false)
		}
		return
	}
	gv, err := schema.ParseGroupVersion(h.APIVersion)
	if err != nil {
		l.fail(src.at("apiVersion"), "%v", err)
		return
	}
	gvk, known := l.kinds[gv.WithKind(h.Kind).GroupKind()]
	if !known {
		l.warn(src.origin(), "%s %s is left out: Cloudgate does not read this kind", h.APIVersion, h.Kind)
		return
	}
	l.typed(src, raw, gvk)
}

// typed decodes an object of a known kind. An older version of a kind is read as the one in the scheme, strictly.
func (l *loader) typed(src source, raw []byte, gvk schema.GroupVersionKind) {
	made, err := l.cfg.Scheme.New(gvk)
	if err != nil {
		l.fail(src.origin(), "%v", err)
		return
	}
	obj, ok := made.(client.Object)
	if !ok {
		l.warn(src.origin(), "%s is left out: it is not an object of its own", gvk.Kind)
		return
	}
	raw, err = clean(raw, gvk.Kind == "Node")
	if err != nil {
		l.fail(src.origin(), "%v", err)
		return
	}
	strict, err := kjson.UnmarshalStrict(raw, obj)
	if err != nil {
		l.fail(typeErrorAt(src, err), "%s", typeError(err))
		return
	}
	for _, e := range strict {
		var field kjson.FieldError
		at := src.origin()
		if errors.As(e, &field) {
			at = src.at(field.FieldPath())
		}
		l.fail(at, "%s %s: %v", gvk.Kind, obj.GetName(), e)
	}
	if len(strict) > 0 {
		return
	}
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	l.take(src, obj, gvk)
}

// clean removes what a server writes: manifests are often what a server once returned. The status of a node is what its kubelet says of it,
// and where there is none the file says it.
func clean(raw []byte, keepStatus bool) ([]byte, error) {
	var tree map[string]json.RawMessage
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	if !keepStatus {
		delete(tree, "status")
	}
	var meta map[string]json.RawMessage
	if len(tree["metadata"]) > 0 && json.Unmarshal(tree["metadata"], &meta) == nil && meta != nil {
		for _, field := range []string{"resourceVersion", "uid", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink"} {
			delete(meta, field)
		}
		var err error
		if tree["metadata"], err = json.Marshal(meta); err != nil {
			return nil, err
		}
	}
	return json.Marshal(tree)
}

func typeErrorAt(src source, err error) Origin {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		return src.at(t.Field)
	}
	return src.origin()
}

func typeError(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		return fmt.Sprintf("%s: a %s cannot stand here", t.Field, t.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// take checks the identity of an object and keeps it.
func (l *loader) take(src source, obj client.Object, gvk schema.GroupVersionKind) {
	at := src.origin()
	if obj.GetName() == "" {
		l.fail(at, "%s without a name", gvk.Kind)
		return
	}
	if problems := validation.IsDNS1123Subdomain(obj.GetName()); len(problems) > 0 {
		l.fail(src.at("metadata.name"), "%s: the name %q is not allowed: %s", gvk.Kind, obj.GetName(), problems[0])
		return
	}
	switch {
	case clusterScoped[gvk.Kind]:
		obj.SetNamespace("")
	case obj.GetNamespace() == "":
		obj.SetNamespace(l.cfg.Namespace)
	default:
		if problems := validation.IsDNS1123Label(obj.GetNamespace()); len(problems) > 0 {
			l.fail(src.at("metadata.namespace"), "%s %s: the namespace %q is not allowed: %s", gvk.Kind, obj.GetName(), obj.GetNamespace(), problems[0])
			return
		}
	}
	id := identity{gvk.GroupKind(), types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}}
	if first, dup := l.seen[id]; dup {
		l.fail(at, "%s %s is defined twice: the first is at %s", gvk.Kind, id.name, first)
		return
	}
	l.seen[id] = at
	Default(obj)
	l.set.Objects = append(l.set.Objects, Object{Object: obj, Origin: at})
}

// clusterScoped are the kinds without a namespace, of those that the reconcilers read.
var clusterScoped = map[string]bool{"GatewayClass": true, "Namespace": true, "Node": true}

// kindsOf returns the version in the scheme for each kind that has objects.
func kindsOf(s *runtime.Scheme) map[schema.GroupKind]schema.GroupVersionKind {
	kinds := make(map[schema.GroupKind]schema.GroupVersionKind)
	for _, gv := range s.PrioritizedVersionsAllGroups() {
		for kind := range s.KnownTypes(gv) {
			gvk := gv.WithKind(kind)
			if _, better := kinds[gvk.GroupKind()]; !better && s.Recognizes(gv.WithKind(kind+"List")) {
				kinds[gvk.GroupKind()] = gvk
			}
		}
	}
	return kinds
}
