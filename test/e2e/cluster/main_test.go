package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// system is the namespace of the charts.
const system = "cloudgate-system"

// env is what all tests share. It is nil where there is no cluster.
var env *environment

type environment struct {
	config *rest.Config
	client client.Client
	cloud  traffic.Cloud
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	if os.Getenv("CLOUDGATE_E2E_CLUSTER") != "" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		if env, err = connect(ctx); err == nil {
			// A run that was cut short may have left faults in the cloud.
			err = errors.Join(traffic.ForgetMeasured(), env.cloud.Call(http.MethodDelete, "/admin/v1/faults", nil, nil))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "the cluster of the stories:", err)
			return 1
		}
	}
	return m.Run()
}

// connect finds the cluster, and the fake cloud in it once its pod is ready.
func connect(ctx context.Context) (*environment, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(gwv1.Install(scheme))
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	e := &environment{config: config, client: c}
	for {
		err := e.findCloud(ctx)
		if err == nil {
			return e, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// findCloud reads where the fake cloud is and what it wants of callers, and waits for the controller too.
func (e *environment) findCloud(ctx context.Context) error {
	var service corev1.Service
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: system, Name: "fake-cloud"}, &service); err != nil {
		return err
	}
	var token corev1.Secret
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: system, Name: "fake-cloud-token"}, &token); err != nil {
		return err
	}
	var controller appsv1.Deployment
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: system, Name: "cloudgate"}, &controller); err != nil {
		return err
	}
	if controller.Status.AvailableReplicas == 0 {
		return errors.New("no replica of the Deployment cloudgate is available")
	}
	e.cloud = traffic.Cloud{
		URL:   "http://" + net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(service.Spec.Ports[0].Port))),
		Token: string(token.Data["token"]),
	}
	_, err := e.cloud.Resources()
	return err
}
