package permissions

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Action is one thing that can be done to one kind of resource, or to one path that is no resource.
type Action struct {
	Group    string
	Resource string // with its subresource: "gateways/status"; a path begins with a slash
	Verb     string
}

func (a Action) String() string {
	if strings.HasPrefix(a.Resource, "/") {
		return a.Verb + " " + a.Resource
	}
	if a.Group == "" {
		return a.Verb + " " + a.Resource
	}
	return a.Verb + " " + a.Resource + "." + a.Group
}

// Role is where a permission is written, as the API server names it when it allows a request.
type Role struct {
	Kind      string // ClusterRole or Role
	Namespace string // of a Role
	Name      string
}

func (r Role) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Grant is one action that a role gives to whoever it is bound to. It counts once, however many accounts have it.
type Grant struct {
	Action
	Role    Role
	Name    string // the only object that it is for, empty for all
	Cluster bool   // in all namespaces, by a ClusterRoleBinding
}

func (g Grant) String() string {
	s := g.Action.String()
	if g.Name != "" {
		s += " " + g.Name
	}
	return s + " (" + g.Role.String() + ")"
}

// ErrWildcard is returned for a rule with an asterisk: it grants what nobody can list.
var ErrWildcard = errors.New("a rule grants everything of something")

// Granted reads manifests, as `helm template` writes them, and returns what their bindings give to service accounts of a namespace.
// Objects of other kinds are passed over. A binding of a role that is not in the manifests is an error.
func Granted(manifests io.Reader, namespace string) ([]Grant, error) {
	p := parsed{roles: map[Role][]rbacv1.PolicyRule{}}
	if err := p.read(manifests, namespace); err != nil {
		return nil, err
	}
	var grants []Grant
	for _, b := range p.bindings {
		if !forNamespace(b.subjects, namespace) {
			continue
		}
		rules, found := p.roles[b.role]
		if !found {
			return nil, fmt.Errorf("%s %s: its %s is not in the manifests", b.kind, b.name, b.role)
		}
		for _, r := range rules {
			of, err := expand(r, b.role, b.kind == clusterRoleBinding)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.role, err)
			}
			grants = append(grants, of...)
		}
	}
	slices.SortFunc(grants, func(a, b Grant) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(grants), nil
}

// The kinds that matter.
const (
	clusterRole        = "ClusterRole"
	namespacedRole     = "Role"
	clusterRoleBinding = "ClusterRoleBinding"
	roleBinding        = "RoleBinding"
)

type bound struct {
	kind, name string
	role       Role
	subjects   []rbacv1.Subject
}

type parsed struct {
	roles    map[Role][]rbacv1.PolicyRule
	bindings []bound
}

func (p *parsed) read(manifests io.Reader, namespace string) error {
	decoder := yaml.NewYAMLOrJSONDecoder(manifests, 4096)
	for {
		var raw struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		var document yamlDocument
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := document.into(&raw); err != nil {
			return err
		}
		if raw.Kind == namespacedRole || raw.Kind == roleBinding {
			raw.Metadata.Namespace = cmp.Or(raw.Metadata.Namespace, namespace)
		}
		if err := p.take(raw.Kind, raw.Metadata.Namespace, raw.Metadata.Name, document); err != nil {
			return fmt.Errorf("%s %s: %w", raw.Kind, raw.Metadata.Name, err)
		}
	}
}

func (p *parsed) take(kind, namespace, name string, document yamlDocument) error {
	switch kind {
	case clusterRole, namespacedRole:
		var r struct {
			Rules []rbacv1.PolicyRule `json:"rules"`
		}
		if err := document.into(&r); err != nil {
			return err
		}
		p.roles[Role{kind, namespace, name}] = r.Rules
	case clusterRoleBinding, roleBinding:
		var b struct {
			RoleRef  rbacv1.RoleRef   `json:"roleRef"`
			Subjects []rbacv1.Subject `json:"subjects"`
		}
		if err := document.into(&b); err != nil {
			return err
		}
		of := Role{Kind: b.RoleRef.Kind, Name: b.RoleRef.Name}
		if of.Kind == namespacedRole {
			of.Namespace = namespace
		}
		p.bindings = append(p.bindings, bound{kind, name, of, b.Subjects})
	}
	return nil
}

// yamlDocument is one document, kept to be read twice: for its kind, then as that.
type yamlDocument []byte

func (d *yamlDocument) UnmarshalJSON(raw []byte) error {
	*d = bytes.Clone(raw)
	return nil
}

func (d yamlDocument) into(v any) error {
	if len(d) == 0 {
		return nil // a document with nothing but comments
	}
	return yaml.Unmarshal(d, v)
}

func forNamespace(subjects []rbacv1.Subject, namespace string) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == namespace
	})
}

// expand writes a rule out: one grant for each combination.
func expand(r rbacv1.PolicyRule, of Role, cluster bool) ([]Grant, error) {
	if slices.Contains(slices.Concat(r.APIGroups, r.Resources, r.Verbs, r.NonResourceURLs), "*") {
		return nil, fmt.Errorf("%w: %v", ErrWildcard, r)
	}
	names := r.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var grants []Grant
	for _, verb := range r.Verbs {
		for _, url := range r.NonResourceURLs {
			grants = append(grants, Grant{Action: Action{Resource: url, Verb: verb}, Role: of, Cluster: cluster})
		}
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, name := range names {
					grants = append(grants, Grant{Action{group, resource, verb}, of, name, cluster})
				}
			}
		}
	}
	return grants, nil
}
