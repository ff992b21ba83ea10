package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

func TestEndpointRemovedUnderLoad(t *testing.T) { tellEndpointRemovedUnderLoad(t, onFake) }

func tellEndpointRemovedUnderLoad(t *testing.T, on class) {
	const url = "http://whoami/"
	w := on.start(t, example("whoami"), func(w *world) { w.serve("whoami", "whoami-1", "whoami-2") })
	v := visit(t, w.programmed("web", 1), nil)
	both := w.read("endpoints-default-whoami.yaml")
	one := both[:strings.LastIndex(both, "---\n")] // each slice is a document
	asking := v.Ask(url, 4, 50)                    // 200 requests a second
	asking.More(100)
	w.write("endpoints-default-whoami.yaml", one)
	w.eventually("the removed endpoint to get nothing", func() error { return asking.RestsFor("whoami-2", 20) })
	asking.More(100)
	w.write("endpoints-default-whoami.yaml", both)
	before := asking.By("whoami-2")
	w.eventually("the endpoint to be back", func() error {
		if asking.By("whoami-2") == before {
			return fmt.Errorf("it gets nothing")
		}
		return nil
	})
	asking.End()
}

func TestCrashedEndpointLeavesTheRotationAndComesBack(t *testing.T) {
	tellCrashedEndpointLeavesTheRotationAndComesBack(t, onFake)
}

func tellCrashedEndpointLeavesTheRotationAndComesBack(t *testing.T, on class) {
	const url = "http://whoami/"
	var backends []*echo.HTTP
	w := on.start(t, example("whoami"), func(w *world) { backends = w.serve("whoami", "whoami-1", "whoami-2") })
	v := visit(t, w.programmed("web", 1), nil)
	crashed := backends[1]
	address := crashed.Addr().String()
	w.eventually("both to be healthy", func() error { return w.its().HealthOf(address, "healthy") })
	interval := w.its().HealthInterval(t)

	asking := v.Ask(url, 4, 50)
	asking.More(20)
	crash := time.Now()
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}
	w.eventually("the crashed endpoint to get nothing", func() error { return asking.RestsFor("whoami-2", 20) })
	out := time.Since(crash)
	w.eventually("the cloud to call it unhealthy", func() error { return w.its().HealthOf(address, "unhealthy") })
	called := time.Since(crash)
	asking.Stop()
	failedMeanwhile := asking.Failed()

	// What is out of rotation costs nobody a request, nor is it tried: a retry would hide that from clients.
	retries := w.cloud.Retries(t) // of AWS there are none: an ALB tries no request again
	after := v.Ask(url, 4, 50)
	after.More(100)
	after.End()
	if got := w.cloud.Retries(t) - retries; got != 0 {
		t.Errorf("%v requests were tried at the crashed endpoint first, want 0", got)
	}

	recovered, err := echo.ListenHTTP("whoami-2", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer recovered.Close()
	back := time.Now()
	w.eventually("the recovered endpoint to be back", func() error { return v.Answers(url, 200, "whoami-2") })
	traffic.Measured(t, "health interval %s: nothing more to a crashed endpoint after %d ms, called unhealthy after %d ms, %d of %d requests failed meanwhile; back %d ms after it recovered",
		interval, out.Milliseconds(), called.Milliseconds(), failedMeanwhile, asking.Requests(), time.Since(back).Milliseconds())
}

// TestCrashedEndpointThatKubernetesNotices: a container that ends is out of its EndpointSlice long before health checks have decided, and
// gets nothing from then on.
func TestCrashedEndpointThatKubernetesNotices(t *testing.T) {
	tellCrashedEndpointThatKubernetesNotices(t, onFake)
}

func tellCrashedEndpointThatKubernetesNotices(t *testing.T, on class) {
	const url = "http://whoami/"
	var backends []*echo.HTTP
	w := on.start(t, example("whoami"), func(w *world) { backends = w.serve("whoami", "whoami-1", "whoami-2") })
	v := visit(t, w.programmed("web", 1), nil)
	address := backends[1].Addr().String()
	w.eventually("both to be healthy", func() error { return w.its().HealthOf(address, "healthy") })
	asking := v.Ask(url, 4, 50)
	asking.More(20)
	crash := time.Now()
	if err := backends[1].Close(); err != nil {
		t.Fatal(err)
	}
	slices, last := w.read("endpoints-default-whoami.yaml"), "ready: true"
	at := strings.LastIndex(slices, last)
	w.write("endpoints-default-whoami.yaml", slices[:at]+"ready: false"+slices[at+len(last):])
	w.eventually("no request to fail any more", func() error {
		before := asking.Failed()
		asking.More(50)
		if after := asking.Failed(); after != before {
			return fmt.Errorf("%d of 50 failed", after-before)
		}
		return nil
	})
	out := time.Since(crash)
	if on == onAWS {
		w.eventually("AWS to have it deregistered", func() error { return w.its().HealthOf(address, "draining") })
	}
	asking.Stop()
	traffic.Measured(t, "%s: a crashed endpoint whose EndpointSlice says so gets nothing %d ms after the crash, %d of %d requests failed meanwhile",
		on.name, out.Milliseconds(), asking.Failed(), asking.Requests())
}
