package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// apiServer speaks as much of the Kubernetes API over HTTP as the controller uses, over a memory.Store. It shows that the command works
// through a real client: discovery, list and watch, the versions of CRDs, leases and events.
type apiServer struct {
	*httptest.Server
	store  *memory.Store
	scheme *runtime.Scheme
	client client.WithWatch
	codecs serializer.CodecFactory
}

// newAPIServer starts a server of a cluster whose Gateway API is as mapper says, nil for all in v1.
func newAPIServer(t *testing.T, mapper meta.RESTMapper, without ...string) *apiServer {
	t.Helper()
	scheme, err := reconciler.SchemeFor(mapper)
	if err != nil {
		t.Fatal(err)
	}
	for _, add := range []func(*runtime.Scheme) error{coordinationv1.AddToScheme, eventsv1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	store := memory.NewWithOptions(scheme, memory.Options{Without: without})
	s := &apiServer{store: store, scheme: scheme, client: store.Client(), codecs: serializer.NewCodecFactory(scheme)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.CloseClientConnections)
	return s
}

// kubeconfig writes a kubeconfig for the server and returns its path.
func (s *apiServer) kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
`, s.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// target is what a path names.
type target struct {
	gv          schema.GroupVersion
	resource    string
	namespace   string
	name        string
	subresource string
}

// parse takes a path apart: /api/v1/... or /apis/group/version/..., with or without namespaces/x.
func parse(path string) (target, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var t target
	switch {
	case len(parts) >= 2 && parts[0] == "api":
		t.gv, parts = schema.GroupVersion{Version: parts[1]}, parts[2:]
	case len(parts) >= 3 && parts[0] == "apis":
		t.gv, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	default:
		return t, false
	}
	if len(parts) >= 3 && parts[0] == "namespaces" {
		t.namespace, parts = parts[1], parts[2:]
	}
	for i, field := range []*string{&t.resource, &t.name, &t.subresource} {
		if i < len(parts) {
			*field = parts[i]
		}
	}
	return t, true
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, ok := parse(r.URL.Path)
	var (
		answer any
		err    error
	)
	switch {
	case !ok:
		answer, err = s.groups(r.URL.Path)
	case t.resource == "":
		answer, err = s.resources(t.gv)
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		err = s.watch(w, r, t)
		if err == nil {
			return
		}
	default:
		answer, err = s.object(r, t)
	}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		status = http.StatusCreated
	}
	if err != nil {
		var api apierrors.APIStatus
		if !asStatus(err, &api) {
			api = apierrors.NewInternalError(err)
		}
		st := api.Status()
		st.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		status, answer = int(st.Code), &st
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func asStatus(err error, to *apierrors.APIStatus) bool {
	api, ok := err.(apierrors.APIStatus)
	*to = api
	return ok
}

// known lists the kinds that are served, by group and version.
func (s *apiServer) known() map[schema.GroupVersion][]schema.GroupVersionKind {
	out := make(map[schema.GroupVersion][]schema.GroupVersionKind)
	for gvk := range s.scheme.AllKnownTypes() {
		if _, err := s.client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version); err == nil {
			out[gvk.GroupVersion()] = append(out[gvk.GroupVersion()], gvk)
		}
	}
	return out
}

func (s *apiServer) groups(path string) (any, error) {
	if strings.Trim(path, "/") == "api" {
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions", APIVersion: "v1"}, Versions: []string{"v1"}}, nil
	}
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	groups := make(map[string]*metav1.APIGroup)
	for gv := range s.known() {
		if gv.Group == "" {
			continue
		}
		g := groups[gv.Group]
		if g == nil {
			g = &metav1.APIGroup{Name: gv.Group}
			groups[gv.Group] = g
		}
		version := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
		g.Versions, g.PreferredVersion = append(g.Versions, version), version
	}
	for _, g := range groups {
		list.Groups = append(list.Groups, *g)
	}
	if name, ok := strings.CutPrefix(strings.Trim(path, "/"), "apis/"); ok {
		if g := groups[name]; g != nil {
			g.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			return g, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: name}, "")
	}
	return list, nil
}

func (s *apiServer) resources(gv schema.GroupVersion) (any, error) {
	kinds := s.known()[gv]
	if len(kinds) == 0 {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: gv.Group}, gv.Version)
	}
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	for _, gvk := range kinds {
		m, err := s.client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			return nil, err
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: m.Resource.Resource, Kind: gvk.Kind, Namespaced: m.Scope.Name() == meta.RESTScopeNameNamespace,
			Verbs: metav1.Verbs{"get", "list", "watch", "create", "update", "patch", "delete"},
		})
	}
	return list, nil
}

func (s *apiServer) kindOf(t target) (schema.GroupVersionKind, error) {
	for _, gvk := range s.known()[t.gv] {
		if m, err := s.client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version); err == nil && m.Resource.Resource == t.resource {
			return gvk, nil
		}
	}
	return schema.GroupVersionKind{}, apierrors.NewNotFound(schema.GroupResource{Group: t.gv.Group, Resource: t.resource}, t.name)
}

func (s *apiServer) listOf(gvk schema.GroupVersionKind) (client.ObjectList, error) {
	made, err := s.scheme.New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, err
	}
	made.GetObjectKind().SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	return made.(client.ObjectList), nil
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, t target) error {
	if r.URL.Query().Get("sendInitialEvents") != "" {
		return apierrors.NewInvalid(schema.GroupKind{}, "", nil) // as a server does that is older than the watch list
	}
	gvk, err := s.kindOf(t)
	if err != nil {
		return err
	}
	list, err := s.listOf(gvk)
	if err != nil {
		return err
	}
	events, err := s.client.Watch(r.Context(), list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: r.URL.Query().Get("resourceVersion")}})
	if err != nil {
		return err
	}
	defer events.Stop()
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w)
	if err := flush.Flush(); err != nil {
		return nil //nolint:nilerr // the client is gone
	}
	encoder := json.NewEncoder(w)
	for e := range events.ResultChan() {
		if encoder.Encode(struct {
			Type   watch.EventType `json:"type"`
			Object runtime.Object  `json:"object"`
		}{e.Type, e.Object}) != nil || flush.Flush() != nil {
			return nil
		}
	}
	return nil
}

// object answers everything but watches.
func (s *apiServer) object(r *http.Request, t target) (any, error) {
	gvk, err := s.kindOf(t)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodGet && t.name == "" {
		list, err := s.listOf(gvk)
		if err != nil {
			return nil, err
		}
		return list, s.client.List(r.Context(), list, client.InNamespace(t.namespace))
	}
	made, err := s.scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	obj := made.(client.Object)
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if _, _, err := s.codecs.UniversalDeserializer().Decode(body, &gvk, obj); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	if t.name != "" {
		obj.SetName(t.name)
	}
	if t.namespace != "" && gvk.Kind != "Namespace" {
		obj.SetNamespace(t.namespace)
	}
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	return obj, s.do(r, t, obj, body)
}

func (s *apiServer) do(r *http.Request, t target, obj client.Object, body []byte) error {
	ctx := r.Context()
	switch r.Method {
	case http.MethodGet:
		return s.client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	case http.MethodPost:
		return s.client.Create(ctx, obj)
	case http.MethodPut:
		if t.subresource == "status" {
			return s.client.Status().Update(ctx, obj)
		}
		return s.client.Update(ctx, obj)
	case http.MethodPatch:
		patch := client.RawPatch(types.PatchType(r.Header.Get("Content-Type")), body)
		if t.subresource == "status" {
			return s.client.Status().Patch(ctx, obj, patch)
		}
		return s.client.Patch(ctx, obj, patch)
	case http.MethodDelete:
		return s.client.Delete(ctx, obj)
	default:
		return apierrors.NewMethodNotSupported(schema.GroupResource{Resource: t.resource}, r.Method)
	}
}
