package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Of returns the statuses that the objects of s are to have, where r is the Report that translate made of s and o what became of it
// in the cloud. now is the time of every transition. Nothing in s is written to.
func Of(s *translate.Snapshot, r *translate.Report, o Outcome, now metav1.Time) Result {
	r = remark(blame(s, r, o.Failures), o)
	w := &writer{s: s, r: r, o: o, now: now, progress: progressOf(s, r, o)}
	w.answers = len(w.addresses()) > 0
	out := Result{Gateway: w.gateway(), ListenerSets: w.listenerSets(), Policies: w.policies()}
	routes := map[routeKey]translate.RouteReport{}
	for _, report := range r.Routes {
		routes[routeKey{report.Kind, report.Name}] = report
	}
	out.HTTPRoutes = make(map[types.NamespacedName]gwv1.HTTPRouteStatus, len(s.HTTPRoutes))
	for _, o := range s.HTTPRoutes {
		if o != nil {
			out.HTTPRoutes[nameOf(o)] = gwv1.HTTPRouteStatus{RouteStatus: w.route(routes, "HTTPRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.GRPCRoutes = make(map[types.NamespacedName]gwv1.GRPCRouteStatus, len(s.GRPCRoutes))
	for _, o := range s.GRPCRoutes {
		if o != nil {
			out.GRPCRoutes[nameOf(o)] = gwv1.GRPCRouteStatus{RouteStatus: w.route(routes, "GRPCRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.TLSRoutes = make(map[types.NamespacedName]gwv1.TLSRouteStatus, len(s.TLSRoutes))
	for _, o := range s.TLSRoutes {
		if o != nil {
			out.TLSRoutes[nameOf(o)] = gwv1.TLSRouteStatus{RouteStatus: w.route(routes, "TLSRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.TCPRoutes = make(map[types.NamespacedName]gwv1.TCPRouteStatus, len(s.TCPRoutes))
	for _, o := range s.TCPRoutes {
		if o != nil {
			out.TCPRoutes[nameOf(o)] = gwv1.TCPRouteStatus{RouteStatus: w.route(routes, "TCPRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	out.UDPRoutes = make(map[types.NamespacedName]gwv1.UDPRouteStatus, len(s.UDPRoutes))
	for _, o := range s.UDPRoutes {
		if o != nil {
			out.UDPRoutes[nameOf(o)] = gwv1.UDPRouteStatus{RouteStatus: w.route(routes, "UDPRoute", &o.ObjectMeta, o.Spec.ParentRefs, o.Status.RouteStatus)}
		}
	}
	return out
}

type routeKey struct {
	kind string
	name types.NamespacedName
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
