package apiserver

import (
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// traffic asks a load balancer for one host until stop, which returns how many requests there were and how many failed.
func traffic(address, host, want string) (stop func() (sent, failed int)) {
	end, done := make(chan struct{}), make(chan struct{})
	var sent, failed int
	go func() {
		defer close(done)
		for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
			select {
			case <-end:
				tick.Stop()
				return
			default:
			}
			sent++
			if ask(address, host) != want {
				failed++
			}
		}
	}()
	return sync.OnceValues(func() (int, int) { close(end); <-done; return sent, failed })
}

// nothingToDo checks that the cloud has what the cluster asks for, no less and no more.
func (w *world) nothingToDo() {
	w.t.Helper()
	out, err := exec.Command(program(w.t, "cloudgate"), "plan", "--kubeconfig", w.kubeconfig(w.token), "--fake-endpoint", w.cloud, "--detailed-exitcode").CombinedOutput()
	if err != nil {
		w.t.Errorf("the cloud is not as the cluster asks: %v\n%s", err, out[:min(len(out), 2000)])
	}
}

// persist makes an object, however long the API server is away.
func (w *world) persist(o client.Object) {
	w.t.Helper()
	until(w.t, "the object is written", func() bool {
		err := w.Create(w.t.Context(), o.DeepCopyObject().(client.Object))
		return err == nil || apierrors.IsAlreadyExists(err)
	})
}

// The leader dies amid changes: the other goes on where it was. It is stopped amid changes: the other goes on at once.
func TestLeaderGoes(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	w.replica()
	w.replica()
	w.leader()
	w.create(gateway("gw"), redirecting("steady", "gw", "steady.invalid"))
	address := w.programmed("gw")
	want := "steady.invalid"
	until(t, "it serves", func() bool { return ask(address, "steady.example.com") == want })
	stop := traffic(address, "steady.example.com", want)
	for _, how := range []struct {
		name   string
		signal syscall.Signal
	}{{"killed", syscall.SIGKILL}, {"stopped", syscall.SIGTERM}} {
		leader := w.leader()
		var went time.Time
		for i := range 300 {
			w.create(redirecting(fmt.Sprintf("%s%d", how.name, i), "gw", fmt.Sprintf("%d.invalid", i)))
			if i == 100 {
				leader.signal(how.signal)
				went = time.Now()
			}
		}
		w.leader()
		took := time.Since(went)
		for i := range 300 {
			host := fmt.Sprintf("%s%d.example.com", how.name, i)
			until(t, host+" serves", func() bool { return ask(address, host) == fmt.Sprintf("%d.invalid", i) })
		}
		all := time.Since(went)
		w.calm(w.mark())
		w.nothingToDo()
		for i := range 300 {
			if p := w.parent(fmt.Sprintf("%s%d", how.name, i), "cloudgate.dev/fake"); p == nil {
				t.Errorf("route %s%d has no status", how.name, i)
			}
		}
		measured(t, "leader %s amid 300 new routes: the other was elected after %s, all served after %s", how.name, took.Round(time.Millisecond), all.Round(time.Millisecond))
		w.replica()
	}
	sent, failed := stop()
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, sent)
	}
	measured(t, "%d requests meanwhile, %d failed", sent, failed)
}

// keepRunning starts a new controller when one ends, as a kubelet does.
func (w *world) keepRunning() (stop func() (restarts int)) {
	end, done := make(chan struct{}), make(chan struct{})
	restarts := 0
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(100 * time.Millisecond):
			}
			for i, r := range w.replicas {
				if r.runs() {
					continue
				}
				restarts++
				w.replicas = append(w.replicas[:i:i], w.replicas[i+1:]...)
				w.replica()
				time.Sleep(time.Second) // a pod that fails to start is not started again at once either
				break
			}
		}
	}()
	return sync.OnceValue(func() int { close(end); <-done; return restarts })
}

// The API server is away, shortly and for longer than a lease lasts. What is changed before and after is not lost, and traffic goes on.
func TestAPIServerIsAway(t *testing.T) {
	w := newWorld(t, "standard", "instant")
	w.replica()
	w.replica()
	w.leader()
	w.create(gateway("gw"), redirecting("steady", "gw", "steady.invalid"))
	address := w.programmed("gw")
	want := "steady.invalid"
	until(t, "it serves", func() bool { return ask(address, "steady.example.com") == want })
	stop := traffic(address, "steady.example.com", want)
	keep := w.keepRunning()
	for _, away := range []time.Duration{2 * time.Second, 15 * time.Second} {
		name := fmt.Sprintf("away%d", int(away.Seconds()))
		w.create(redirecting(name+"before", "gw", "before.invalid"))
		w.api.signal(syscall.SIGKILL)
		time.Sleep(away) // it is away for this long
		w.start()
		back := time.Now()
		w.persist(redirecting(name+"after", "gw", "after.invalid"))
		for _, when := range []string{"before", "after"} {
			until(t, "the change "+when, func() bool { return ask(address, name+when+".example.com") == when+".invalid" })
		}
		measured(t, "API server away for %s: all changes served %s after it was back", away, time.Since(back).Round(time.Millisecond))
	}
	restarts := keep()
	w.calm(w.mark())
	w.nothingToDo()
	sent, failed := stop()
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, sent)
	}
	measured(t, "%d requests meanwhile, %d failed; %d restarts of controllers", sent, failed, restarts)
}
