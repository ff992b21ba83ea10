package dev

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// observer reads a State from the statuses that the controller wrote: it shows what a user of a cluster would see, and no more.
type observer struct {
	reader    client.Reader
	ofUs      func(gwv1.GatewayController) bool
	endpoints *endpoints

	ours     map[string]bool               // classes by name
	gateways map[types.NamespacedName]bool // whether they are ours
	sets     map[types.NamespacedName]*gwv1.ListenerSet
	state    State
}

// observe returns the State of everything in the store.
func observe(ctx context.Context, reader client.Reader, ofUs func(gwv1.GatewayController) bool, at *endpoints) (State, error) {
	o := &observer{
		reader: reader, ofUs: ofUs, endpoints: at,
		ours: map[string]bool{}, gateways: map[types.NamespacedName]bool{}, sets: map[types.NamespacedName]*gwv1.ListenerSet{},
		state: State{Settled: true, Gateways: []Gateway{}, Routes: []Route{}},
	}
	for _, step := range []func(context.Context) error{o.readClasses, o.readSets, o.readGateways, o.readRoutes} {
		if err := step(ctx); err != nil {
			return State{}, err
		}
	}
	return o.state, nil
}

func (o *observer) unsettled() { o.state.Settled = false }

func (o *observer) readClasses(ctx context.Context) error {
	var classes gwv1.GatewayClassList
	if err := o.reader.List(ctx, &classes); err != nil {
		return err
	}
	for _, c := range classes.Items {
		o.ours[c.Name] = o.ofUs(c.Spec.ControllerName)
	}
	return nil
}

func (o *observer) readSets(ctx context.Context) error {
	var sets gwv1.ListenerSetList
	if err := o.reader.List(ctx, &sets); err != nil {
		return err
	}
	for i := range sets.Items {
		o.sets[client.ObjectKeyFromObject(&sets.Items[i])] = &sets.Items[i]
	}
	return nil
}

func (o *observer) readGateways(ctx context.Context) error {
	var gateways gwv1.GatewayList
	if err := o.reader.List(ctx, &gateways); err != nil {
		return err
	}
	var generations strings.Builder
	for _, g := range gateways.Items {
		fmt.Fprintln(&generations, g.UID, g.Generation)
	}
	o.endpoints.keepFor(generations.String())
	for i := range gateways.Items {
		g := &gateways.Items[i]
		o.gateways[client.ObjectKeyFromObject(g)] = o.ours[string(g.Spec.GatewayClassName)]
		o.state.Gateways = append(o.state.Gateways, o.gateway(ctx, g))
	}
	return nil
}

func (o *observer) gateway(ctx context.Context, g *gwv1.Gateway) Gateway {
	shown := Gateway{Namespace: g.Namespace, Name: g.Name, Class: string(g.Spec.GatewayClassName), Addresses: []string{}, Listeners: []Listener{}}
	switch ours, exists := o.ours[shown.Class]; {
	case !exists:
		shown.Problems = []string{fmt.Sprintf("there is no GatewayClass %q", shown.Class)}
		return shown
	case !ours:
		shown.Problems = []string{fmt.Sprintf("GatewayClass %q is another controller's", shown.Class)}
		return shown
	}
	if g.DeletionTimestamp != nil {
		shown.Problems = []string{"being deleted"}
		o.unsettled()
	}
	for _, a := range g.Status.Addresses {
		shown.Addresses = append(shown.Addresses, a.Value)
	}
	shown.Programmed = isTrue(g.Status.Conditions, string(gwv1.GatewayConditionProgrammed))
	if c := meta.FindStatusCondition(g.Status.Conditions, string(gwv1.GatewayConditionProgrammed)); c != nil && c.Reason == string(gwv1.GatewayReasonPending) {
		o.state.Pending = append(o.state.Pending, shown.id()+": "+c.Message)
	}
	shown.Problems = append(shown.Problems, o.check(g.Status.Conditions, g.Generation,
		string(gwv1.GatewayConditionAccepted), string(gwv1.GatewayConditionProgrammed))...)

	for _, spec := range g.Spec.Listeners {
		l := listenerOf(spec)
		i := slices.IndexFunc(g.Status.Listeners, func(s gwv1.ListenerStatus) bool { return s.Name == spec.Name })
		if i < 0 {
			o.unsettled()
		} else {
			o.fill(&l, g.Status.Listeners[i].Conditions, g.Generation, g.Status.Listeners[i].AttachedRoutes)
		}
		o.locate(ctx, &l, shown.Addresses)
		shown.Listeners = append(shown.Listeners, l)
	}
	for key, set := range o.sets {
		if parentKey(set) != client.ObjectKeyFromObject(g) {
			continue
		}
		shown.Listeners = append(shown.Listeners, o.setListeners(ctx, key, set, shown.Addresses)...)
	}
	slices.SortStableFunc(shown.Listeners, func(a, b Listener) int { return cmp.Compare(a.Set, b.Set) })
	return shown
}

func parentKey(set *gwv1.ListenerSet) types.NamespacedName {
	namespace := set.Namespace
	if set.Spec.ParentRef.Namespace != nil {
		namespace = string(*set.Spec.ParentRef.Namespace)
	}
	return types.NamespacedName{Namespace: namespace, Name: string(set.Spec.ParentRef.Name)}
}

func (o *observer) setListeners(ctx context.Context, key types.NamespacedName, set *gwv1.ListenerSet, addresses []string) []Listener {
	var listeners []Listener
	for _, entry := range set.Spec.Listeners {
		l := listenerOf(gwv1.Listener{Name: entry.Name, Hostname: entry.Hostname, Port: entry.Port, Protocol: entry.Protocol})
		l.Set = key.String()
		i := slices.IndexFunc(set.Status.Listeners, func(s gwv1.ListenerEntryStatus) bool { return s.Name == entry.Name })
		if i < 0 {
			l.Problems = o.check(set.Status.Conditions, set.Generation, string(gwv1.ListenerSetConditionAccepted))
		} else {
			o.fill(&l, set.Status.Listeners[i].Conditions, set.Generation, set.Status.Listeners[i].AttachedRoutes)
		}
		o.locate(ctx, &l, addresses)
		listeners = append(listeners, l)
	}
	return listeners
}

func listenerOf(spec gwv1.Listener) Listener {
	l := Listener{Name: string(spec.Name), Port: int32(spec.Port), Protocol: string(spec.Protocol)}
	if spec.Hostname != nil {
		l.Hostname = string(*spec.Hostname)
	}
	return l
}

func (o *observer) fill(l *Listener, conditions []metav1.Condition, generation int64, attached int32) {
	l.AttachedRoutes = attached
	l.Programmed = isTrue(conditions, string(gwv1.ListenerConditionProgrammed))
	l.Problems = o.check(conditions, generation,
		string(gwv1.ListenerConditionAccepted), string(gwv1.ListenerConditionResolvedRefs), string(gwv1.ListenerConditionProgrammed))
	if c := meta.FindStatusCondition(conditions, string(gwv1.ListenerConditionConflicted)); c != nil && c.Status == metav1.ConditionTrue {
		l.Problems = append(l.Problems, sentence(c))
	}
}

// locate finds where a programmed listener answers.
func (o *observer) locate(ctx context.Context, l *Listener, addresses []string) {
	if !l.Programmed {
		return
	}
	for _, address := range addresses {
		endpoint, err := o.endpoints.find(ctx, address, l.Port, l.Protocol)
		if err != nil {
			l.Problems = append(l.Problems, err.Error())
			return
		}
		if endpoint != "" {
			l.Endpoint = endpoint
			return
		}
	}
}

// check returns what is wrong in conditions, of which those in must have to be there, True, and of the generation.
func (o *observer) check(conditions []metav1.Condition, generation int64, must ...string) []string {
	var problems []string
	for _, name := range must {
		c := meta.FindStatusCondition(conditions, name)
		switch {
		case c == nil, c.ObservedGeneration != generation:
			o.unsettled()
		case c.Status == metav1.ConditionTrue:
		case c.Reason == string(gwv1.GatewayReasonPending):
			o.unsettled()
		default:
			problems = append(problems, sentence(c))
		}
	}
	return problems
}

func sentence(c *metav1.Condition) string {
	return fmt.Sprintf("%s=%s, %s: %s", c.Type, c.Status, c.Reason, c.Message)
}

func isTrue(conditions []metav1.Condition, name string) bool {
	return meta.IsStatusConditionTrue(conditions, name)
}
