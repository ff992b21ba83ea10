package cluster

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// nodes returns the internal address of every node, by name.
func (w *world) nodes() map[string]string {
	w.Helper()
	var list corev1.NodeList
	if err := w.client.List(w.ctx, &list); err != nil {
		w.Fatal(err)
	}
	found := map[string]string{}
	for _, node := range list.Items {
		for _, a := range node.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				found[node.Name] = a.Address
			}
		}
	}
	return found
}

// wantTargets waits until the cloud has exactly these targets, all of them healthy.
func (w *world) wantTargets(want ...string) {
	w.Helper()
	wanted := map[string]string{}
	for _, address := range want {
		wanted[address] = "healthy"
	}
	w.eventually("the targets of the load balancer", func() error {
		got, err := w.cloud.Members()
		if err != nil {
			return err
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			return fmt.Errorf("targets (-want +got):\n%s", diff)
		}
		return nil
	})
}

const nodePortConfig = `apiVersion: cloudgate.dev/v1alpha1
kind: GatewayConfig
metadata: {name: by-node}
spec: {targetType: NodePort}
`

const nodePortGateway = nodePortConfig + `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  infrastructure:
    parametersRef: {group: cloudgate.dev, kind: GatewayConfig, name: by-node}
  listeners:
  - {name: http, port: 80, protocol: HTTP}
`

func TestTargetTypes(t *testing.T) {
	w := start(t)
	nodes := w.nodes()
	if len(nodes) < 2 {
		t.Skipf("%d node: this story is about two", len(nodes))
	}
	var home, away string // of the only pod, and not
	for name := range nodes {
		if home == "" || name < home {
			home, away = name, home
		} else {
			away = name
		}
	}
	nodePort := app{name: "app", replicas: 1, node: home, service: "  type: NodePort\n"}
	w.apply(nodePort.manifest(), traffic.Gateway80("web"), traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp))
	w.ready("app")
	v := w.visit(w.programmed("web", 1), nil)

	// Without parameters: the pod.
	pod := w.pods(w.ns, "app", "app")[0]
	w.wantTargets(pod.Status.PodIP + ":8080")
	v.Want(urlOfApp, 200, "app")

	// By node: all nodes, for the Service's policy says so.
	var service corev1.Service
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "app"}, &service); err != nil {
		t.Fatal(err)
	}
	port := service.Spec.Ports[0].NodePort
	at := func(node string) string { return fmt.Sprintf("%s:%d", nodes[node], port) }
	for node := range nodes { // Kubernetes opens the ports in its own time
		w.serves(w.visit(gateway{address: nodes[node]}, nil), fmt.Sprintf("http://%s/", at(node)), 200, "app")
	}
	asking := v.Ask(urlOfApp, 2, 50)
	asking.More(20)
	w.apply(nodePortGateway)
	w.wantTargets(at(home), at(away))
	asking.More(50)
	asking.End()

	// Local: only the node that has the pod. Without load, for Kubernetes closes the other node's port before anybody can know.
	nodePort.service = "  type: NodePort\n  externalTrafficPolicy: Local\n"
	w.apply(nodePort.manifest())
	w.wantTargets(at(home))
	asking = v.Ask(urlOfApp, 2, 50)
	asking.More(50)

	// And back to the pod.
	w.apply(traffic.Gateway80("web"))
	w.wantTargets(pod.Status.PodIP + ":8080")
	asking.More(50)
	asking.End()
}

// TestServiceWithoutNodePort costs the backend that has none, and says so.
func TestServiceWithoutNodePort(t *testing.T) {
	w := start(t)
	w.apply(app{name: "app", replicas: 1, service: "  type: NodePort\n"}.manifest(), app{name: "inner", replicas: 1}.manifest(), nodePortGateway,
		traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp),
		traffic.HTTPRoute("inner", "{name: web}", "inner.example.com", "  - backendRefs: [{name: inner, port: 80}]\n"))
	w.ready("app", "inner")
	v := w.visit(w.programmed("web", 2), nil)
	w.serves(v, urlOfApp, 200, "app")
	w.eventually("the route to say that its backend has no node port", func() error {
		return w.routeSays(w.ns, "inner", "ResolvedRefs", "NoNodePort")
	})
	w.serves(v, "http://inner.example.com/", 500, "") // a status can be told before it is carried out
	v.Want(urlOfApp, 200, "app")
}
