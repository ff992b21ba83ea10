package reconciler_test

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// account reads what its permissions let it.
type account struct {
	client.Client
	gets, lists bool // Secrets, one by one and as lists
}

func (a account) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if _, secret := o.(*corev1.Secret); secret && !a.gets {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, nil)
	}
	return a.Client.Get(ctx, key, o, opts...)
}

func (a account) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, secrets := list.(*corev1.SecretList); secrets && !a.lists {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil)
	}
	return a.Client.List(ctx, list, opts...)
}

func TestReadWithFewPermissions(t *testing.T) {
	store := memory.New(reconciler.Scheme())
	for _, o := range []client.Object{
		&gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"}, Spec: gwv1.GatewaySpec{
			GatewayClassName: "fake",
			Listeners: []gwv1.Listener{{Name: "https", Port: 443, Protocol: gwv1.HTTPSProtocolType, TLS: &gwv1.ListenerTLSConfig{
				CertificateRefs: []gwv1.SecretObjectReference{{Name: "named"}, {Name: "missing"}},
			}}},
		}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "named"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "other"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "bank", Name: "named"}},
	} {
		if err := store.Apply(o); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name        string
		gets, lists bool
		want        []string
		denied      int
	}{
		{"the controller's account, which lists", false, true, []string{"shop/named"}, 0},
		{"a user who gets", true, false, []string{"shop/named"}, 0},
		{"a user who may do neither", false, false, nil, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects, denied, err := reconciler.Read(t.Context(), account{store.Client(), tt.gets, tt.lists}, store.Client().RESTMapper(), false)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range objects {
				if s, ok := o.(*corev1.Secret); ok {
					got = append(got, client.ObjectKeyFromObject(s).String())
				}
			}
			if !slices.Equal(tt.want, got) || len(denied) != tt.denied {
				t.Errorf("read %v, want %v; denied: %q, want %d", got, tt.want, denied, tt.denied)
			}
		})
	}
}
