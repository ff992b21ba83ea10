package world

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func stateOf(w *World, id string) State {
	lb, err := w.LoadBalancer(id)
	if err != nil {
		return 0
	}
	return lb.State
}

func TestLifecycleOnTheClock(t *testing.T) {
	cfg := testConfig()
	cfg.Latency = Realistic
	w := open(t, cfg)
	lb := must(w.CreateLoadBalancer(named("a"), LoadBalancerSpec{Scheme: Internet}))
	if lb.State != Provisioning {
		t.Fatalf("state: want provisioning, got %s", lb.State)
	}
	mean := latencies[Realistic][KindLoadBalancer].create
	if d := lb.Due.Sub(start); d < mean*3/4 || d > mean*5/4 {
		t.Errorf("provisioning takes %s, want about %s", d, mean)
	}
	cfg.Clock.Advance(lb.Due.Sub(start) - time.Millisecond)
	if got := stateOf(w, lb.ID); got != Provisioning {
		t.Errorf("a moment before it is due: got %s", got)
	}
	cfg.Clock.Advance(time.Millisecond)
	eventually(t, "active", func() bool { return stateOf(w, lb.ID) == Active })

	up := must(w.UpdateLoadBalancer(lb.ID, 0, named("b"), lb.LoadBalancerSpec))
	if up.State != Updating || up.Revision != 2 {
		t.Errorf("after an update: got %s, revision %d", up.State, up.Revision)
	}
	cfg.Clock.Advance(time.Hour)
	eventually(t, "active again", func() bool { return stateOf(w, lb.ID) == Active })

	gone := must(w.DeleteLoadBalancer(lb.ID, 0))
	if gone.State != Deleting {
		t.Errorf("after a delete: got %s", gone.State)
	}
	again := must(w.DeleteLoadBalancer(lb.ID, 0))
	if diff := cmp.Diff(gone.Due, again.Due); diff != "" {
		t.Errorf("a second delete begins anew: %s", diff)
	}
	_, err := w.UpdateLoadBalancer(lb.ID, 0, named("c"), lb.LoadBalancerSpec)
	wantCode(t, Conflict, err)
	_, err = w.CreateListener(lb.ID, named("l"), ListenerSpec{Port: 1, Protocol: TCP})
	wantCode(t, Conflict, err)
	_, err = w.CreateLoadBalancer(named("b"), lb.LoadBalancerSpec)
	wantCode(t, AlreadyExists, err)
	cfg.Clock.Advance(time.Hour)
	eventually(t, "gone", func() bool { return stateOf(w, lb.ID) == 0 })
}

func TestOperationsResumeAfterARestart(t *testing.T) {
	cfg := onDisk(t)
	cfg.Latency = Realistic
	w := open(t, cfg)
	made := must(w.CreateLoadBalancer(named("made"), LoadBalancerSpec{Scheme: Internet}))
	cfg.Clock.Advance(time.Hour)
	eventually(t, "active", func() bool { return stateOf(w, made.ID) == Active })
	must(w.DeleteLoadBalancer(made.ID, 0))
	begun := must(w.CreateLoadBalancer(named("begun"), LoadBalancerSpec{Scheme: Internet}))
	shut(t, w)

	w = open(t, cfg)
	if got := [2]State{stateOf(w, made.ID), stateOf(w, begun.ID)}; got != [2]State{Deleting, Provisioning} {
		t.Fatalf("after a restart: got %v", got)
	}
	cfg.Clock.Advance(time.Hour)
	eventually(t, "both ended", func() bool { return stateOf(w, made.ID) == 0 && stateOf(w, begun.ID) == Active })
	shut(t, w)

	// What was due while nothing ran ends at the next start.
	w = open(t, cfg)
	must(w.DeleteLoadBalancer(begun.ID, 0))
	shut(t, w)
	cfg.Clock.Advance(time.Hour)
	w = open(t, cfg)
	eventually(t, "gone", func() bool { return stateOf(w, begun.ID) == 0 })
}

func TestListenerIsActiveWhenItAnswers(t *testing.T) {
	cfg := testConfig()
	cfg.Reported = true
	w := open(t, cfg)
	lb, ls, _ := chain(w, "a")
	if ls.State != Provisioning {
		t.Errorf("before a report: got %s", ls.State)
	}
	endpoints := []Endpoint{{IP: lb.IPs[0]}}
	state := func() State { return must(w.Listener(ls.ID)).State }
	if err := w.ReportListener(ls.ID, nil, "the address is taken"); err != nil {
		t.Fatal(err)
	}
	if got := must(w.Listener(ls.ID)); got.State != Failed || got.Reason != "the address is taken" {
		t.Errorf("after a failure: got %s %q", got.State, got.Reason)
	}
	if _, err := w.UpdateListener(ls.ID, 0, named("renamed"), ls.ListenerSpec); err != nil || state() != Failed {
		t.Errorf("an update of what failed: got %v, %s", err, state())
	}
	if err := w.ReportListener(ls.ID, endpoints, ""); err != nil || state() != Active {
		t.Errorf("after success: got %v, %s", err, state())
	}
	if err := w.ReportListener("ls-none", endpoints, ""); err != nil {
		t.Errorf("of what is gone: got %v", err)
	}
}

func TestDeletionTakesAllThatIsInside(t *testing.T) {
	for _, latency := range []Latency{Instant, Realistic} {
		t.Run(latency.String(), func(t *testing.T) {
			cfg := testConfig()
			w := open(t, cfg)
			lb, ls, po := chain(w, "a")
			keep, keepLs, _ := chain(w, "keep")
			ru := must(w.CreateRule(ls.ID, named("r"), forwardTo(po.ID)))
			_, err := w.DeletePool(po.ID, 0)
			wantCode(t, InUse, err)
			w.SetLatency(latency)
			must(w.DeleteLoadBalancer(lb.ID, 0))
			if latency == Realistic {
				if l, r := must(w.Listener(ls.ID)), must(w.Rule(ru.ID)); l.State != Deleting || r.State != Deleting {
					t.Errorf("inside of what is deleted: got %s, %s", l.State, r.State)
				}
				_, err := w.DeletePool(po.ID, 0)
				wantCode(t, InUse, err)
				cfg.Clock.Advance(time.Hour)
			}
			eventually(t, "gone", func() bool { return w.Counts()[KindRule] == 0 })
			_, err = w.Listener(ls.ID)
			wantCode(t, NotFound, err)
			must(w.DeletePool(po.ID, 0))
			must(w.Listener(keepLs.ID))
			must(w.LoadBalancer(keep.ID))
		})
	}
}
