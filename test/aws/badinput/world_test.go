package badinput

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	// The tests wait more than they work.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const (
	region = "eu-west-1"
	// deadline bounds how long a test waits for something that is to come.
	deadline = time.Minute

	goodKey, goodSecret = "AKIDCLOUDGATE", "the right secret"
)

// Everything is a hundred times as fast as a controller with its defaults, but for the audit, which comes when a test says so.
const (
	pace     = 100
	retryMin = 100 * time.Millisecond / pace
	retryMax = 30 * time.Second / pace
	pollMax  = 5 * time.Second / pace
	minute   = time.Minute / pace
	// auditsPerHour are those of a controller with its defaults.
	auditsPerHour = 6
)

var pools atomic.Uint32

// newPool returns addresses that no other test has, nor this one in another process.
func newPool() netip.Prefix {
	n := pools.Add(1)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(130 + os.Getpid()%60), byte(n * 8), 0}), 21)
}

// world is a cluster in memory, an account of AWS, and the controller between them.
type world struct {
	*testing.T
	cloud  *server.Server
	region *fakeaws.Region
	store  *memory.Store
	keys   *keys
	ctl    *reconciler.Controller
	stop   func()

	mu     sync.Mutex
	events []memory.Event
}

// keys are credentials that can be replaced while the controller runs, as those of a role are.
type keys struct {
	now atomic.Pointer[sdk.Credentials]
}

func (k *keys) set(key, secret string) {
	k.now.Store(&sdk.Credentials{AccessKeyID: key, SecretAccessKey: secret, CanExpire: true}) // they have to be asked for each time
}

// Retrieve implements aws.CredentialsProvider of the SDK.
func (k *keys) Retrieve(context.Context) (sdk.Credentials, error) { return *k.now.Load(), nil }

// newWorld starts all but the controller.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, keys: &keys{}}
	w.keys.set(goodKey, goodSecret)
	var err error
	w.cloud, err = server.New(server.Config{
		AddressPool: newPool(), DNSListen: server.Off, Seed: 1, Grace: time.Second, JournalSize: 100_000,
		AWS: server.AWS{
			Listen: "127.0.0.1:0", VPCCIDR: netip.MustParsePrefix("127.0.0.0/8"), Rates: map[string]throttle.Rate{},
			Keys: map[string]string{goodKey: goodSecret},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.cloud.Run(ctx) }()
	t.Cleanup(func() {
		w.halt()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("fake cloud: %v", err)
		}
	})
	w.region = w.cloud.AWS().Region(region)
	w.store = memory.NewWithOptions(reconciler.Scheme(), memory.Options{OnEvent: func(e memory.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}})
	w.apply(class())
	w.apply(service("web")...)
	return w
}

// run starts a controller, until halt or the end of the test.
func (w *world) run() {
	w.Helper()
	provider, err := aws.New(w.Context(), aws.Config{Region: region, Endpoint: w.cloud.AWSURL(), Credentials: w.keys, Unmetered: true})
	w.check(err)
	mgr, err := w.store.Manager(manager.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Logger: logr.Discard(),
		Controller: ctrlconfig.Controller{RecoverPanic: new(false)},
	})
	w.check(err)
	w.ctl, err = reconciler.Setup(mgr, reconciler.Config{
		Providers: []cloud.Provider{provider}, Cluster: "test", AuditInterval: time.Hour, AuditDelay: 10_000 * time.Hour, // by chance within that time
		RetryMin: retryMin, RetryMax: retryMax, PollMin: time.Millisecond, PollMax: pollMax,
		// The longer and longer waits alone are to keep the number of calls low.
		Reads: reconciler.Rate{PerSecond: 1e6, Burst: 1e6}, Writes: reconciler.Rate{PerSecond: 1e6, Burst: 1e6},
	})
	w.check(err)
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("the manager ended: %v", err)
		}
	}
}

// halt stops the controller, as the end of its process would.
func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) apply(objs ...client.Object) {
	w.Helper()
	w.check(w.store.Apply(objs...))
}

func (w *world) delete(objs ...client.Object) {
	w.Helper()
	w.check(w.store.Delete(objs...))
}

// get reads an object from the store, and tells whether it is there.
func (w *world) get(obj client.Object) bool {
	w.Helper()
	err := w.store.Client().Get(context.Background(), client.ObjectKeyFromObject(obj), obj)
	w.check(client.IgnoreNotFound(err))
	return err == nil
}

// until waits for a condition. last says how it is meanwhile.
func (w *world) until(what string, ok func() bool, last func() string) {
	w.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%s: did not come within %s; it is: %s", what, deadline, last())
		}
	}
}

func (w *world) gateway(name string) *gwv1.Gateway {
	g := gateway(name)
	if !w.get(g) {
		return nil
	}
	return g
}

// programmed waits until the Programmed condition of a Gateway has a status and a reason, and returns its message.
func (w *world) programmed(name string, status metav1.ConditionStatus, reason string) (message string) {
	w.Helper()
	var c *metav1.Condition
	w.until("Gateway "+name+" programmed: "+string(status)+" "+reason, func() bool {
		g := w.gateway(name)
		if g == nil {
			return false
		}
		c = meta.FindStatusCondition(g.Status.Conditions, string(gwv1.GatewayConditionProgrammed))
		return c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == g.Generation
	}, func() string { return describe(c) })
	return c.Message
}

func (w *world) ready(name string) {
	w.Helper()
	w.programmed(name, metav1.ConditionTrue, "Programmed")
}

// routed waits until a condition of a route's only parent has a status and a reason, and returns its message.
func (w *world) routed(name, kind string, status metav1.ConditionStatus, reason string) (message string) {
	w.Helper()
	var c *metav1.Condition
	w.until("route "+name+" "+kind+": "+string(status)+" "+reason, func() bool {
		r := route(name, "", "")
		if !w.get(r) || len(r.Status.Parents) != 1 {
			return false
		}
		c = meta.FindStatusCondition(r.Status.Parents[0].Conditions, kind)
		return c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == r.Generation
	}, func() string { return describe(c) })
	return c.Message
}

func describe(c *metav1.Condition) string {
	if c == nil {
		return "absent"
	}
	return string(c.Status) + " " + c.Reason + ": " + c.Message
}

// says checks that a sentence has the words, and tells what to do.
func (w *world) says(message string, words ...string) {
	w.Helper()
	for _, word := range words {
		if !strings.Contains(message, word) {
			w.Errorf("want %q in the message, got %q", word, message)
		}
	}
	w.Logf("the status says: %s", message)
}

// event waits for an event of a reason.
func (w *world) event(reason string) {
	w.Helper()
	w.until("event "+reason, func() bool { return w.eventCount(reason) > 0 }, func() string { return "absent" })
}

func (w *world) eventCount(reason string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Reason == reason {
			n++
		}
	}
	return n
}

// admin makes a call of the fake cloud's admin API.
func (w *world) admin(method, path string, body any) {
	w.Helper()
	raw, err := json.Marshal(body)
	w.check(err)
	req, err := http.NewRequestWithContext(w.Context(), method, w.cloud.URL()+"/admin/v1/aws/"+path, bytes.NewReader(raw))
	w.check(err)
	res, err := http.DefaultClient.Do(req)
	w.check(err)
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		w.Fatalf("%s %s: %d %s", method, path, res.StatusCode, answer)
	}
}

// fault lets calls fail until heal.
func (w *world) fault(r fault.Rule) {
	w.Helper()
	w.admin(http.MethodPost, "faults", r)
}

func (w *world) heal() {
	w.Helper()
	w.admin(http.MethodDelete, "faults", nil)
}

func (w *world) quota(name string, limit int) {
	w.Helper()
	if !w.cloud.AWS().SetQuota(name, limit) {
		w.Fatalf("there is no quota %s", name)
	}
}

// calls are those that came after a mark.
type calls []journal.Entry

// mark is where the journal is now.
func (w *world) mark() uint64 {
	all, _ := w.cloud.AWSJournal().Since(0)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Seq
}

func (w *world) since(mark uint64) calls {
	all, _ := w.cloud.AWSJournal().Since(mark)
	return all
}

// count returns how many calls there were of each name.
func (c calls) count() map[string]int {
	n := make(map[string]int)
	for _, e := range c {
		n[e.Op]++
	}
	return n
}

func (c calls) String() string {
	var words []string
	n := c.count()
	for _, op := range slices.Sorted(maps.Keys(n)) {
		b, _ := json.Marshal(n[op])
		words = append(words, string(b)+" "+op)
	}
	return strings.Join(words, ", ")
}

func (c calls) mutating() calls {
	return slices.DeleteFunc(slices.Clone(c), func(e journal.Entry) bool { return !e.Mutating })
}

// rest waits until there are no calls any more for longer than the longest wait between two tries.
func (w *world) rest() {
	w.Helper()
	last, since := w.mark(), time.Now()
	w.until("rest", func() bool {
		if now := w.mark(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 3*retryMax/2
	}, func() string { return w.since(last).String() })
}

// audit has the cloud read as is done every ten minutes, and waits for what comes of it. It returns the calls. In bad times the audit itself fails.
func (w *world) audit() calls {
	w.Helper()
	before := w.mark()
	if err := w.ctl.Audit(w.Context()); err != nil {
		w.Logf("the audit: %v", err)
	}
	w.rest()
	return w.since(before)
}

// lasting shows what a trouble costs while it lasts: nothing between audits, and no more than most calls in each. It leaves behind a measured figure.
func (w *world) lasting(trouble string, most int) {
	w.Helper()
	w.rest()
	before := w.mark()
	time.Sleep(2 * minute) // of the controller's
	if idle := w.since(before); len(idle) > 0 {
		w.Errorf("%s: want no calls between audits, got %s", trouble, idle)
	}
	const audits = 3
	worst := 0
	for range audits {
		made := w.audit()
		if worst = max(worst, len(made)); len(made) > most {
			w.Errorf("%s: want at most %d calls in an audit, got %d: %s", trouble, most, len(made), made)
		}
	}
	w.Logf("MEASURED %s: 0 calls a minute between audits, at most %d in each audit: %.1f a minute", trouble, worst, float64(worst)*auditsPerHour/60)
}

// inSync shows that an audit finds nothing to do.
func (w *world) inSync() {
	w.Helper()
	w.rest()
	if made := w.audit().mutating(); len(made) > 0 {
		w.Errorf("want nothing to change when all is well again, got %s", made)
	}
}

// balancers are the load balancers of the account.
func (w *world) balancers() map[string]string {
	w.Helper()
	out, err := w.region.DescribeLoadBalancers(w.Context(), &elb.DescribeLoadBalancersInput{})
	w.check(err)
	names := make(map[string]string)
	for _, lb := range out.LoadBalancers {
		names[sdk.ToString(lb.DNSName)] = sdk.ToString(lb.LoadBalancerArn)
	}
	return names
}

// balancer returns the ARN of the load balancer that a Gateway's status names.
func (w *world) balancer(gateway string) string {
	w.Helper()
	g := w.gateway(gateway)
	if g == nil || len(g.Status.Addresses) != 1 {
		w.Fatalf("Gateway %s: want one address", gateway)
	}
	arn := w.balancers()[g.Status.Addresses[0].Value]
	if arn == "" {
		w.Fatalf("Gateway %s: nothing has the address %s", gateway, g.Status.Addresses[0].Value)
	}
	return arn
}
