package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const (
	awsRelease = "cloudgate-aws"
	awsRegion  = "eu-west-1"
	// awsRole is the role of which run.sh tells the fake AWS that it trusts the service accounts of the release.
	awsRole = "arn:aws:iam::123456789012:role/cloudgate"
)

// awsValues are the values of the release.
var awsValues = []string{
	"--set", "image.tag=dev", "--set", "replicas=1", "--set", "crds.install=false", "--set", "providers.fake.enabled=false",
	"--set", "providers.aws.enabled=true", "--set", "providers.aws.region=" + awsRegion, "--set", "providers.aws.roleARN=" + awsRole,
	"--set", "providers.aws.endpoint=http://fake-cloud." + system + ":4566",
	"--set", "gatewayClasses[0].name=aws", "--set", "gatewayClasses[0].provider=aws",
}

// awsWorld is a world with a second Cloudgate, for AWS alone. It has no access key: its pods take a role with tokens of the cluster.
type awsWorld struct {
	*world
	url     string // of the fake AWS
	account *traffic.AWS
	names   *net.Resolver
	secrets []string // what may stand in no log
	began   time.Time
}

// startAWS installs the release, which goes at the end of the test and leaves nothing in the account.
func startAWS(t *testing.T) *awsWorld {
	t.Helper()
	w := &awsWorld{world: start(t), began: time.Now()}
	var service, dns corev1.Service
	var key corev1.Secret
	for name, o := range map[string]client.Object{"fake-cloud": &service, "fake-cloud-dns": &dns, "fake-cloud-aws": &key} {
		if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: system, Name: name}, o); err != nil {
			t.Fatal(err)
		}
	}
	id, secret := string(key.Data["AWS_ACCESS_KEY_ID"]), string(key.Data["AWS_SECRET_ACCESS_KEY"])
	w.url = "http://" + net.JoinHostPort(service.Spec.ClusterIP, "4566")
	w.account = traffic.OpenAWSAs(w.url, awsRegion, id, secret)
	w.secrets = []string{secret, w.cloud.Token}
	w.names = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(dns.Spec.ClusterIP, "53"))
	}}
	began := time.Now()
	w.helm(append([]string{"upgrade", "--install", awsRelease, chart("cloudgate"), "--wait", "--timeout", "100s"}, awsValues...)...)
	traffic.Measured(t, "helm install of a Cloudgate for AWS took %.1f s", time.Since(began).Seconds())
	t.Cleanup(w.leave)
	return w
}

// leave deletes the Gateways and takes the release away. Its hook takes the role, too.
func (w *awsWorld) leave() {
	w.Helper()
	w.remember()
	if err := w.client.DeleteAllOf(w.ctx, &gwv1.Gateway{}, client.InNamespace(w.ns)); err != nil {
		w.Error(err)
	}
	w.eventually("the Gateways to be gone", func() error {
		var left gwv1.GatewayList
		if err := w.client.List(w.ctx, &left, client.InNamespace(w.ns)); err != nil || len(left.Items) > 0 {
			return errors.Join(err, fmt.Errorf("%d are there", len(left.Items)))
		}
		return nil
	})
	w.account.WantEmpty(w)
	w.wantNoSecrets()
	w.helm("uninstall", awsRelease, "--wait", "--timeout", "100s")
}

// remember keeps the tokens that the pods of the release have now, to look for them.
func (w *awsWorld) remember() {
	w.Helper()
	for _, pod := range w.pods(system, "app.kubernetes.io/instance", awsRelease) {
		for _, pid := range w.processes(pod) {
			out, err := w.command("cat", fmt.Sprintf("/proc/%d/root/var/run/secrets/cloudgate.dev/aws/token", pid))
			if err != nil || strings.Count(out, ".") != 2 {
				w.Errorf("the pod %s has no token of the cluster: %v", pod.Name, err)
				continue
			}
			w.secrets = append(w.secrets, strings.TrimSpace(out))
		}
	}
}

// whatLooksSecret is a token of the cluster, or one of a session in AWS.
var whatLooksSecret = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{20,}|[A-Za-z0-9+/]{200,}`)

// wantNoSecrets looks through the logs of both sides, events, and what the controller has written.
func (w *awsWorld) wantNoSecrets() {
	w.Helper()
	for _, args := range [][]string{
		{"logs", "-n", system, "-l", "app.kubernetes.io/instance=" + awsRelease, "--tail=-1"},
		{"logs", "-n", system, "-l", "app.kubernetes.io/name=fake-cloud", "--tail=-1", "--since-time=" + w.began.UTC().Format(time.RFC3339)},
		{"get", "events", "-A", "-o", "yaml"},
		{"get", "gatewayclasses,gateways,httproutes,loadbalancers.cloudgate.dev", "-A", "-o", "yaml"},
	} {
		out := w.kubectl(args...)
		if args[0] == "logs" && strings.Count(out, "\n") < 3 {
			w.Errorf("kubectl %s: there is nothing to look through: %q", strings.Join(args, " "), out)
		}
		for line := range strings.Lines(out) {
			if whatLooksSecret.MatchString(line) || slices.ContainsFunc(w.secrets, func(s string) bool { return strings.Contains(line, s) }) {
				w.Errorf("kubectl %s shows a secret, in %d characters of %.60q", strings.Join(args, " "), len(line), line)
			}
		}
	}
}

// visitAWS makes a visitor that looks a Gateway's name up in the fake cloud's DNS.
func (w *awsWorld) visitAWS(g gateway) *traffic.Visitor {
	return traffic.Visit(w, func(port string) (string, error) {
		ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
		defer cancel()
		found, err := w.names.LookupHost(ctx, g.address+".")
		if err != nil {
			return "", err
		}
		return net.JoinHostPort(found[0], port), nil
	}, nil)
}

// take asks for the role with a token of a service account that kubectl gets.
func (w *awsWorld) take(namespace, account, audience string) error {
	w.Helper()
	token := strings.TrimSpace(w.kubectl("create", "token", "-n", namespace, account, "--audience="+audience))
	w.secrets = append(w.secrets, token)
	anybody := sts.New(sts.Options{Region: awsRegion, BaseEndpoint: &w.url, Credentials: aws.AnonymousCredentials{}, Retryer: aws.NopRetryer{}})
	_, err := anybody.AssumeRoleWithWebIdentity(w.ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(awsRole), RoleSessionName: aws.String("e2e"), WebIdentityToken: &token,
	})
	return err
}

// wantStranger fails unless AWS refuses with the code.
func (w *awsWorld) wantStranger(who, code string, err error) {
	w.Helper()
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != code {
		w.Errorf("%s: want %s, got %v", who, code, err)
	}
}

// TestRolesOfServiceAccounts and rolling updates on AWS: who may be the controller is said by the cluster's own tokens; and pods are ready only
// when the target group finds them healthy, so that a rolling restart loses no request.
func TestRolesOfServiceAccounts(t *testing.T) {
	w := startAWS(t)
	w.apply(strings.Replace(traffic.Gateway80("web"), "gatewayClassName: fake", "gatewayClassName: aws", 1),
		traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp), app{name: "app", replicas: 2, preStop: 10, gate: true}.manifest())
	w.ready("app")
	v := w.visitAWS(w.programmed("web", 1))
	for _, pod := range w.pods(w.ns, "app", "app") {
		w.serves(v, urlOfApp, 200, pod.Name)
	}

	w.wantStranger("an account that the role does not trust", "AccessDenied", w.take(w.ns, "default", "sts.amazonaws.com"))
	w.wantStranger("a token for the API server", "InvalidIdentityToken", w.take(system, awsRelease, "https://kubernetes.default.svc"))
	if err := w.take(system, awsRelease, "sts.amazonaws.com"); err != nil {
		t.Errorf("the account of the release: %v", err)
	}

	end := w.slowlyOnAWS(5 * time.Second)
	asking := v.Ask(urlOfApp, 4, 50) // 200 requests a second
	asking.More(100)
	w.restartByHealth()
	asking.More(200)
	asking.End()
	end()

	// The counterpart: Kubernetes ends the old pods when the load balancer has none of the new.
	gated := w.pods(w.ns, "app", "app")
	w.apply(app{name: "app", replicas: 2}.manifest())
	w.ready("app")
	for _, pod := range gated {
		w.ended(gated, pod.Name)
	}
	for _, pod := range w.pods(w.ns, "app", "app") {
		w.serves(v, urlOfApp, 200, pod.Name)
	}
	end = w.slowlyOnAWS(10 * time.Second)
	asking = v.Ask(urlOfApp, 4, 50)
	asking.More(100)
	w.restart()
	asking.More(200)
	asking.Stop()
	end()
	traffic.Measured(t, "on AWS, without readiness gate and preStop %d of %d requests failed", asking.Failed(), asking.Requests())
	if asking.Failed() == 0 {
		t.Error("no request failed without the gate, so that nothing is said of it")
	}
	for _, pod := range w.pods(w.ns, "app", "app") {
		w.serves(v, urlOfApp, 200, pod.Name)
	}
}

// slowlyOnAWS has AWS take its time for every change of targets: Kubernetes is done long before it.
func (w *awsWorld) slowlyOnAWS(delay time.Duration) (end func()) {
	w.Helper()
	account := w.cloud
	account.OfAWS = true
	var ends []func()
	for _, op := range []string{"RegisterTargets", "DeregisterTargets"} {
		ends = append(ends, account.Suffer(w, traffic.Fault{Op: "elasticloadbalancing:" + op, Effect: "delay", Delay: delay.String()}))
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// restartByHealth restarts the pods of the Deployment app, and looks all the while that none is ready whose target is not healthy.
func (w *awsWorld) restartByHealth() {
	w.Helper()
	before := w.pods(w.ns, "app", "app")
	began := time.Now()
	w.kubectl("rollout", "restart", "-n", w.ns, "deployment/app")
	waited, through := map[string]bool{}, map[string]bool{}
	w.eventually("both new pods to be ready", func() error {
		for _, pod := range w.pods(w.ns, "app", "app") {
			if through[pod.Name] || pod.Status.PodIP == "" || slices.ContainsFunc(before, func(p corev1.Pod) bool { return p.Name == pod.Name }) {
				continue
			}
			healthy := w.account.HealthOf(pod.Status.PodIP+":8080", "healthy") // after the pod was read
			switch ready := isReady(pod); {
			case ready && healthy != nil:
				w.Errorf("pod %s is ready, and %v", pod.Name, healthy)
				fallthrough
			case ready:
				through[pod.Name] = true
				if err := podSays(pod, corev1.ConditionTrue); err != nil {
					w.Error(err)
				}
			case healthy != nil && containersReady(pod):
				waited[pod.Name] = true
			}
		}
		if len(through) < len(before) {
			return fmt.Errorf("%d are", len(through))
		}
		return nil
	})
	for name := range through {
		if !waited[name] {
			w.Errorf("pod %s never waited for its target, so that nothing can be said of its gate", name)
		}
	}
	w.ready("app")
	traffic.Measured(w, "on AWS, a rolling restart of %d pods took %d ms", len(before), time.Since(began).Milliseconds())
}

func isReady(pod corev1.Pod) bool { return hasCondition(pod, corev1.PodReady) }

func containersReady(pod corev1.Pod) bool { return hasCondition(pod, corev1.ContainersReady) }

func hasCondition(pod corev1.Pod, kind corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind && c.Status == corev1.ConditionTrue })
}
