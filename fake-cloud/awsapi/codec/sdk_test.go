package codec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
)

// service is an SDK client that the codec has to understand.
type service struct {
	module   string // below .../service
	protocol Protocol
	client   reflect.Value
	sdk      *transport
	served   func(action string) bool // nil: all
}

// transport is the wire: it keeps what the SDK sent and answers with what it was told.
type transport struct {
	sent   *http.Request
	body   []byte
	answer *Answer // nil: none, and the call fails
}

var errNoAnswer = errors.New("no answer")

// Do implements the SDK's HTTPClient.
func (t *transport) Do(r *http.Request) (*http.Response, error) {
	t.sent, t.body = r, nil
	if r.Body != nil {
		var err error
		if t.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if t.answer == nil {
		return nil, errNoAnswer
	}
	return &http.Response{StatusCode: t.answer.Status, Header: t.answer.Header, Body: io.NopCloser(bytes.NewReader(t.answer.Body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r}, nil
}

func services() []service {
	var list []service
	add := func(module string, p Protocol, served func(string) bool, client func(aws.Config) any) {
		sdk := &transport{}
		cfg := aws.Config{
			Region: "us-east-1", HTTPClient: sdk, BaseEndpoint: aws.String("http://127.0.0.1"),
			Retryer: func() aws.Retryer { return aws.NopRetryer{} },
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
			}),
		}
		list = append(list, service{module, p, reflect.ValueOf(client(cfg)), sdk, served})
	}
	add("elasticloadbalancingv2", Query{Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"}, nil,
		func(c aws.Config) any { return elbv2.NewFromConfig(c) })
	add("ec2", EC2Query{Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/"}, ec2Served, func(c aws.Config) any { return ec2.NewFromConfig(c) })
	add("acm", JSON{}, nil, func(c aws.Config) any { return acm.NewFromConfig(c) })
	add("sts", Query{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}, nil, func(c aws.Config) any { return sts.NewFromConfig(c) })
	add("resourcegroupstaggingapi", JSON{}, nil, func(c aws.Config) any { return tagging.NewFromConfig(c) })
	add("wafv2", JSON{}, wafServed, func(c aws.Config) any { return wafv2.NewFromConfig(c) })
	add("shield", JSON{}, nil, func(c aws.Config) any { return shield.NewFromConfig(c) })
	return list
}

// wafServed leaves out what has a web ACL's rules: their types hold themselves, and no client of a load balancer reads them.
func wafServed(action string) bool {
	return map[string]bool{"AssociateWebACL": true, "DisassociateWebACL": true, "ListWebACLs": true, "ListResourcesForWebACL": true,
		"GetWebACLForResource": true}[action]
}

// ec2Served says which actions the table of names is made for.
func ec2Served(action string) bool { return slices.Contains(EC2Actions, action) }

// actions returns the actions of the client that the codec has to understand.
func (s service) actions() []string {
	var names []string
	for i := range s.client.NumMethod() {
		name := s.client.Type().Method(i).Name
		if s.client.Method(i).Type().NumIn() == 3 && (s.served == nil || s.served(name)) { // ctx, input, options
			names = append(names, name)
		}
	}
	return names
}

func (s service) input(action string) reflect.Value {
	return reflect.New(s.client.MethodByName(action).Type().In(1).Elem())
}

func (s service) output(action string) reflect.Value {
	return reflect.New(s.client.MethodByName(action).Type().Out(0).Elem())
}

func (s service) call(action string, input reflect.Value) (output any, err error) {
	got := s.client.MethodByName(action).Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
	err, _ = got[1].Interface().(error)
	return got[0].Interface(), err
}

// withoutSnapshots are the modules of the SDK whose own tests compare no requests.
var withoutSnapshots = map[string]bool{"wafv2": true, "shield": true}

// resend decodes a request and lets the SDK send what was decoded, which tells what it sent in s.sdk.
func (s service) resend(t *testing.T, action string, r *http.Request, body string) (sent bool) {
	t.Helper()
	call, err := s.protocol.Read(r, []byte(body))
	if err != nil || call.Action != action {
		t.Errorf("%s: got the action %q, %v", action, call.Action, err)
		return false
	}
	input := s.input(action)
	if err := call.Input(input.Interface()); err != nil {
		t.Errorf("%s: %v", action, err)
		return false
	}
	if _, err := s.call(action, input); !errors.Is(err, errNoAnswer) {
		t.Errorf("%s: what was decoded cannot be sent: %v", action, err)
		return false
	}
	return true
}

// snapshots returns the requests that the SDK's own tests compare with, by action.
func (s service) snapshots(t *testing.T) map[string]string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+s.module).Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "request_snapshot", "*.request.snap"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if !withoutSnapshots[s.module] {
			t.Fatalf("the SDK's module %s has no snapshots any more", s.module)
		}
		t.Skip("the SDK has none for this service")
	}
	found := map[string]string{}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(path), ".request.snap")] = string(raw)
	}
	return found
}

// leaf returns a member of a union that does not hold the union itself.
func leaf(union reflect.Type) reflect.Type {
	for _, m := range unions[union] {
		if value, ok := m.FieldByName("Value"); ok && value.Type != union && value.Type != reflect.SliceOf(union) {
			return m
		}
	}
	panic("every member of " + union.Name() + " holds it")
}

// fill gives every member of a struct a value, down to where its types begin to hold themselves.
func fill(v reflect.Value, seen map[reflect.Type]int) {
	switch {
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)))
		return
	case v.Type() == bytesType:
		v.SetBytes([]byte("some <bytes> & more"))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		made := reflect.New(v.Type().Elem())
		fill(made.Elem(), seen)
		v.Set(made)
	case reflect.Interface:
		made := reflect.New(leaf(v.Type()))
		fill(made.Elem().FieldByName("Value"), seen)
		v.Set(made)
	case reflect.Struct:
		if seen[v.Type()] > 1 {
			return
		}
		seen[v.Type()]++
		for i := range v.NumField() {
			if isMember(v.Type().Field(i)) {
				fill(v.Field(i), seen)
			}
		}
		seen[v.Type()]--
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 2, 2)
		for i := range list.Len() {
			fill(list.Index(i), seen)
		}
		v.Set(list)
	case reflect.Map:
		made := reflect.MakeMap(v.Type())
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, seen)
		made.SetMapIndex(reflect.ValueOf("a key").Convert(v.Type().Key()), value)
		v.Set(made)
	case reflect.String:
		v.SetString(`text with <, >, & and "`)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	default:
		panic("a member is a " + v.Type().String())
	}
}
