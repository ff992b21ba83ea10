package aws

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
)

// elbActions are the methods of a Region that are actions of Elastic Load Balancing.
func elbActions(r *Region) map[string]reflect.Value {
	actions := map[string]reflect.Value{}
	v := reflect.ValueOf(r)
	for i := range v.NumMethod() {
		m := v.Type().Method(i)
		if m.Type.NumIn() == 3 && m.Type.In(2).Kind() == reflect.Pointer && m.Type.In(2).Elem().PkgPath() == reflect.TypeFor[elb.Client]().PkgPath() {
			actions[m.Name] = v.Method(i)
		}
	}
	return actions
}

// notServed are the actions that hand out links to S3, which there is none of.
var notServed = []string{"GetTrustStoreCaCertificatesBundle", "GetTrustStoreRevocationContent"}

func TestEveryActionIsServed(t *testing.T) {
	actions := elbActions(accountFor(t, nil).Region)
	client := reflect.TypeFor[*elb.Client]()
	for i := range client.NumMethod() {
		name := client.Method(i).Name
		if _, ok := actions[name]; !ok && name != "Options" && !slices.Contains(notServed, name) {
			t.Errorf("%s is not served", name)
		}
	}
}

// vocabulary returns words that clients might send, some of them right at this moment.
func (a *account) vocabulary() []string {
	words := []string{
		"", "x", "-1", "8080", "traffic-port", "/", "/a/*", "/health", "*.example.com", "GET", "X-A", "10.0.0.0/8", "172.31.5.5", "10.1.2.3", "::1", "all", "eu-west-1a",
		"host-header", "path-pattern", "http-header", "http-request-method", "query-string", "source-ip", "200", "404", "200-299", "301", "HTTP1", "GRPC",
		"#{host}", "#{port}", "/#{path}", "HTTPS", "TCP", "off", "verify", "true", "false", "1", "60", "https://idp.example.com/x", "bucket", "ca.pem", "(", "^/(.*)$",
		"deletion_protection.enabled", "idle_timeout.timeout_seconds", "stickiness.enabled", "stickiness.type", "app_cookie", "routing.http.response.server.enabled",
		defaultSSLPolicy, "HTTP2Only", strings.Repeat("ü", 300), "\x00\xff", a.vpcID(), a.securityGroups.all()[0].Key,
	}
	words = append(words, a.subnetIDs()...)
	for _, t := range a.list() {
		t.each(func(r row) { words = append(words, r.meta().Key) })
	}
	for _, l := range a.elbListeners.all() {
		words = append(words, l.DefaultRule)
	}
	return words
}

// enums are the values that the SDK knows of its types.
var enums = []any{
	types.ProtocolEnumHttp, types.ActionTypeEnumForward, types.TargetTypeEnumIp, types.LoadBalancerTypeEnumNetwork, types.LoadBalancerSchemeEnumInternal,
	types.RedirectActionStatusCodeEnumHttp301, types.TransformTypeEnumUrlRewrite, types.IpAddressTypeIpv4, types.TargetGroupIpAddressTypeEnumIpv4,
}

// settle gives enums values that exist, mostly.
func (f *filler) settle(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			f.settle(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.settle(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.settle(v.Index(i))
		}
	case reflect.String:
		for _, e := range enums {
			if v.Type() != reflect.TypeOf(e) || f.rng.IntN(20) == 0 {
				continue
			}
			values := reflect.ValueOf(e).MethodByName("Values").Call(nil)[0]
			v.Set(values.Index(f.rng.IntN(values.Len())))
		}
	default:
	}
}

// undocumented are faults that actions have beyond what the API reference names for each.
var undocumented = []string{"ValidationError", "UnsupportedCertificate", "DuplicateTagKeys"}

// FuzzActions calls actions one after another with whatever comes. None panics; each ends in an output or in a fault that the API reference
// names; what is refused changes nothing; a restart keeps all.
func FuzzActions(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		file := filepath.Join(t.TempDir(), "aws.db")
		config := func(c *Config) { c.Path, c.NoSync = file, true }
		a := accountFor(t, config)
		a.fill()
		cert := a.certificate("one")
		if err := a.SeedObject("bucket", "ca.pem", []byte("no certificate")); err != nil {
			t.Fatal(err)
		}
		fill := &filler{rng: rand.New(rand.NewPCG(seed, 7))}
		actions := elbActions(a.Region)
		names := make([]string, 0, len(actions))
		for name := range actions {
			names = append(names, name)
		}
		slices.Sort(names)
		for range 60 {
			name := names[fill.rng.IntN(len(names))]
			fill.words = append(a.vocabulary(), cert)
			in := reflect.New(actions[name].Type().In(1).Elem())
			for i := range in.Elem().NumField() {
				if in.Elem().Type().Field(i).IsExported() {
					fill.fill(in.Elem().Field(i), 0)
				}
			}
			fill.settle(in)
			before := everything(t, a.Region)
			out := actions[name].Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
			err, _ := out[1].Interface().(error)
			if err == nil {
				continue
			}
			var fault *Fault
			if !errors.As(err, &fault) {
				t.Fatalf("%s: want a fault, got %v", name, err)
			}
			if !slices.Contains(undocumented, fault.Code) && !slices.Contains(documented[name], fault.Code) {
				t.Errorf("%s: %s is not documented: %s", name, fault.Code, fault.Message)
			}
			if diff := cmp.Diff(before, everything(t, a.Region)); diff != "" {
				t.Errorf("%s was refused and changed something: %s", name, diff)
			}
		}
		a.cloud.Clock().Advance(time.Hour)
		_ = a.View()
		if err := a.cloud.Close(); err != nil {
			t.Fatal(err)
		}
		want := everything(t, a.Region)
		if diff := cmp.Diff(want, everything(t, accountFor(t, config).Region)); diff != "" {
			t.Errorf("a restart changed something: %s", diff)
		}
	})
}
