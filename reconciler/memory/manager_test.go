package memory_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// A Manager's cache has what the store has, with indexes, while many write.
func TestManagerFollowsTheStore(t *testing.T) {
	s := memory.New(scheme(t))
	must(t, s.Apply(gateway("before")))
	mgr, err := s.Manager(manager.Options{Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"})
	must(t, err)
	must(t, mgr.GetFieldIndexer().IndexField(t.Context(), &gwv1.Gateway{}, "class", func(o client.Object) []string {
		return []string{string(o.(*gwv1.Gateway).Spec.GatewayClassName)}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the cache did not fill")
	}
	_, err = mgr.GetCache().GetInformer(ctx, &gwv1.Gateway{}, cache.BlockUntilSynced(true))
	must(t, err)

	const writers, each = 4, 400 // more than the store remembers
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				g := gateway(fmt.Sprintf("g%d-%d", i, j))
				g.Spec.GatewayClassName = "b"
				if err := s.Apply(g); err != nil {
					t.Error(err)
				}
				if j%2 == 1 {
					if err := s.Delete(g); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	var list gwv1.GatewayList
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		must(t, mgr.GetClient().List(ctx, &list, client.MatchingFields{"class": "b"}))
		if len(list.Items) == writers*each/2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the cache has %d Gateways of class b, want %d", len(list.Items), writers*each/2)
		}
	}
	must(t, mgr.GetAPIReader().List(ctx, &list))
	if len(list.Items) != writers*each/2+1 {
		t.Errorf("the store has %d Gateways", len(list.Items))
	}
}
