package translatetest

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// ControllerName is the controller of the stories.
const ControllerName gwv1.GatewayController = "cloudgate.dev/fake"

// Story is one golden story.
type Story struct {
	Name     string
	Dir      string
	Snapshot *translate.Snapshot
	Outcome  Outcome // what the story says about the cloud
}

// Outcome is what a story says about the cloud, in a document of kind Outcome. Without one everything is applied.
type Outcome struct {
	Applied   bool      `json:"applied"`
	Pending   []string  `json:"pending"`
	Addresses []string  `json:"addresses"`
	Drift     []string  `json:"drift"`
	Failures  []Failure `json:"failures"`

	Differences []cloud.Difference `json:"differences"`
}

// Failure is one error of the cloud.
type Failure struct {
	Kind    string    `json:"kind"` // as cloud.Kind.String says
	Op      string    `json:"op"`
	Message string    `json:"message"`
	Address string    `json:"address"` // makes it a cloud.AddressError
	Source  ir.Source `json:"source"`
	Refused bool      `json:"refused"` // by the compiler
}

// Stories returns the stories below a folder, by name.
func Stories(root string) ([]Story, error) {
	paths, err := filepath.Glob(filepath.Join(root, "*", "in.yaml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var out []Story
	for _, path := range paths {
		story, err := Load(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		out = append(out, story)
	}
	return out, nil
}

// Load reads the story in a folder.
func Load(dir string) (Story, error) {
	data, err := os.ReadFile(filepath.Join(dir, "in.yaml"))
	if err != nil {
		return Story{}, err
	}
	story := Story{Name: filepath.Base(dir), Dir: dir}
	story.Snapshot, story.Outcome, err = Parse(data)
	if err != nil {
		return Story{}, fmt.Errorf("%s: %w", dir, err)
	}
	return story, nil
}

// Parse reads the documents of one story. The one Gateway in it is the Snapshot's; a GatewayClass, the Namespaces that are named and the
// features of the cloud (all exact) are filled in where the story does not tell them.
func Parse(data []byte) (*translate.Snapshot, Outcome, error) {
	s := &translate.Snapshot{
		Cluster: "test", ControllerName: ControllerName, Features: AllFeatures(),
		Namespaces:     map[string]*corev1.Namespace{},
		Services:       map[types.NamespacedName]*corev1.Service{},
		EndpointSlices: map[types.NamespacedName][]*discoveryv1.EndpointSlice{},
		Secrets:        map[types.NamespacedName]*corev1.Secret{},
		ConfigMaps:     map[types.NamespacedName]*corev1.ConfigMap{},
		Configs:        map[types.NamespacedName]*v1alpha1.GatewayConfig{},
		WaitingPods:    map[types.NamespacedName]bool{},
	}
	outcome := Outcome{Applied: true, Addresses: []string{"203.0.113.10"}}
	for i, doc := range bytes.Split(data, []byte("\n---\n")) {
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		if err := parseDocument(s, &outcome, doc); err != nil {
			return nil, outcome, fmt.Errorf("document %d: %w", i+1, err)
		}
	}
	if s.Gateway == nil {
		return nil, outcome, fmt.Errorf("there is no Gateway")
	}
	if s.Gateway.UID == "" {
		s.Gateway.UID = types.UID("uid-" + s.Gateway.Name)
	}
	if s.Class == nil {
		s.Class = &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "fake"}, Spec: gwv1.GatewayClassSpec{ControllerName: ControllerName}}
	}
	s.ControllerName = s.Class.Spec.ControllerName
	return s, outcome, nil
}

// AllFeatures is a cloud that can do everything as the specification says.
func AllFeatures() ir.Features {
	out := ir.Features{}
	for _, f := range []ir.Feature{
		ir.FeatureHTTP, ir.FeatureHTTPS, ir.FeatureTLSPassthrough, ir.FeatureTLSTerminate, ir.FeatureTLSHostnames, ir.FeatureTCP, ir.FeatureUDP, ir.FeatureGRPC,
		ir.FeatureStaticAddresses, ir.FeatureStaticHostnames, ir.FeatureSeveralCertificates, ir.FeaturePathRegex, ir.FeatureHeaderRegex,
		ir.FeatureQueryMatch, ir.FeatureQueryRegex, ir.FeatureMethodMatch, ir.FeatureRequestHeaders, ir.FeatureResponseHeaders,
		ir.FeatureBackendRequestHeaders, ir.FeatureBackendResponseHeaders, ir.FeatureRedirect, ir.FeatureRedirectScheme,
		ir.FeatureRedirectPort, ir.FeatureRedirectPath, ir.FeatureHostRewrite, ir.FeaturePathRewrite, ir.FeatureRequestTimeout,
		ir.FeatureBackendTimeout, ir.FeatureBackendHTTP2, ir.FeatureBackendWebSocket, ir.FeatureBackendTLS, ir.FeatureBackendTLSSANs,
		ir.FeatureBackendClientCert, ir.FeatureClientValidation, ir.FeatureClientInsecureFallback, ir.FeatureMisdirectedRequests, ir.FeatureCORS, ir.FeatureMirror,
		ir.FeatureMirrorFraction, ir.FeatureRetry, ir.FeatureRetryBudget, ir.FeatureSessionCookie, ir.FeatureSessionHeader,
		ir.FeatureLeastRequest, ir.FeatureHealthCheck, ir.FeatureTargetLimits, ir.FeatureDrainTimeout, ir.FeatureRedirectPrefix, ir.FeatureRedirectStatuses,
	} {
		out[f] = ir.Support{Grade: ir.Exact}
	}
	return out
}

func parseDocument(s *translate.Snapshot, outcome *Outcome, doc []byte) error {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return err
	}
	switch head.Kind {
	case "Outcome":
		*outcome = Outcome{}
		return yaml.Unmarshal(doc, outcome)
	case "Features":
		return parseFeatures(s, doc)
	case "Networks":
		return parseNetworks(s, doc)
	case "GatewayClass":
		return read(doc, &s.Class)
	case "Gateway":
		return read(doc, &s.Gateway)
	case "ListenerSet":
		return readInto(doc, &s.ListenerSets)
	case "HTTPRoute":
		return readInto(doc, &s.HTTPRoutes)
	case "GRPCRoute":
		return readInto(doc, &s.GRPCRoutes)
	case "TLSRoute":
		return readInto(doc, &s.TLSRoutes)
	case "TCPRoute":
		return readInto(doc, &s.TCPRoutes)
	case "UDPRoute":
		return readInto(doc, &s.UDPRoutes)
	case "ReferenceGrant":
		return readInto(doc, &s.ReferenceGrants)
	case "BackendTLSPolicy":
		return readInto(doc, &s.BackendTLSPolicies)
	case "XBackendTrafficPolicy":
		return readInto(doc, &s.BackendTrafficPolicies)
	case "BackendPolicy":
		return readInto(doc, &s.BackendPolicies)
	default:
		return parseCore(s, head.Kind, doc)
	}
}

func parseCore(s *translate.Snapshot, kind string, doc []byte) error {
	switch kind {
	case "Namespace":
		var o *corev1.Namespace
		if err := read(doc, &o); err != nil {
			return err
		}
		s.Namespaces[o.Name] = o
	case "Service":
		var o *corev1.Service
		if err := read(doc, &o); err != nil {
			return err
		}
		s.Services[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
	case "EndpointSlice":
		var o *discoveryv1.EndpointSlice
		if err := read(doc, &o); err != nil {
			return err
		}
		name := types.NamespacedName{Namespace: o.Namespace, Name: o.Labels[discoveryv1.LabelServiceName]}
		s.EndpointSlices[name] = append(s.EndpointSlices[name], o)
	case "Secret":
		var o *corev1.Secret
		if err := read(doc, &o); err != nil {
			return err
		}
		if o.Data == nil {
			o.Data = map[string][]byte{}
		}
		for key, v := range o.StringData {
			o.Data[key] = []byte(v)
		}
		s.Secrets[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
	case "ConfigMap":
		var o *corev1.ConfigMap
		if err := read(doc, &o); err != nil {
			return err
		}
		s.ConfigMaps[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
	case "GatewayConfig":
		var o *v1alpha1.GatewayConfig
		if err := read(doc, &o); err != nil {
			return err
		}
		s.Configs[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
	case "Node":
		return readInto(doc, &s.Nodes)
	case "Pod": // one that waits for nothing but the load balancers
		var o *corev1.Pod
		if err := read(doc, &o); err != nil {
			return err
		}
		s.WaitingPods[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = true
	default:
		return fmt.Errorf("kind %q is not known", kind)
	}
	return nil
}

func read[T any](doc []byte, into **T) error {
	o := new(T)
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		return err
	}
	*into = o
	return nil
}

func readInto[T any](doc []byte, list *[]*T) error {
	var o *T
	if err := read(doc, &o); err != nil {
		return err
	}
	*list = append(*list, o)
	return nil
}

// parseFeatures changes the grades of some features: {"PathRegex": {"grade": "Approximate", "difference": "…"}}.
func parseFeatures(s *translate.Snapshot, doc []byte) error {
	var body struct {
		Features map[ir.Feature]struct {
			Grade      string `json:"grade"`
			Difference string `json:"difference"`
		} `json:"features"`
	}
	if err := yaml.Unmarshal(doc, &body); err != nil {
		return err
	}
	grades := map[string]ir.Grade{"Impossible": ir.Impossible, "Approximate": ir.Approximate, "Exact": ir.Exact}
	for name, f := range body.Features {
		grade, known := grades[f.Grade]
		if !known {
			return fmt.Errorf("grade %q is not known", f.Grade)
		}
		s.Features[name] = ir.Support{Grade: grade, Difference: f.Difference}
	}
	return nil
}

// parseNetworks reads what the load balancers of the cloud reach: {"prefixes": ["10.0.0.0/16"]}.
func parseNetworks(s *translate.Snapshot, doc []byte) error {
	var body struct {
		Prefixes []netip.Prefix `json:"prefixes"`
	}
	if err := yaml.Unmarshal(doc, &body); err != nil {
		return err
	}
	s.Networks = body.Prefixes
	return nil
}
