package aws

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// others are the modules whose actions this test calls: all but Elastic Load Balancing's.
var others = []string{"ec2", "acm", "sts", "resourcegroupstaggingapi", "wafv2", "shield"}

// filler fills inputs with what clients might send, some of it right.
type filler struct {
	rng   *rand.Rand
	words []string
}

func (f *filler) fill(v reflect.Value, depth int) {
	if depth > 6 || f.rng.IntN(4) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), depth+1)
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		n := f.rng.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range f.rng.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key, depth+1)
			f.fill(value, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(f.words[f.rng.IntN(len(f.words))])
	case reflect.Bool:
		v.SetBool(f.rng.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt([]int64{-1, 0, 1, 5, 80, 443, 1000, 65535, 65536, 1 << 31 >> 1}[f.rng.IntN(10)])
	case reflect.Uint8:
		v.SetUint(uint64(f.rng.IntN(256)))
	default: // interfaces of unions stay empty
	}
}

// TestHostileInputs calls every action with empty and with arbitrary inputs: each ends in an output or a fault, and never in a panic.
func TestHostileInputs(t *testing.T) {
	a := accountFor(t, nil)
	a.alb("front")
	id, err := a.SeedInstance(InstanceSeed{PrivateIPs: []netip.Addr{netip.MustParseAddr("172.31.0.10")}})
	if err != nil {
		t.Fatal(err)
	}
	f := &filler{rand.New(rand.NewPCG(1, 2)), []string{
		"", "x", "-1", "tcp", "icmp", "10.0.0.0/8", "0.0.0.0/0", "::/0", "10.0.0.0/24", "default", "*", "tag:a", "vpc-id", "ip-permission.cidr", "REGIONAL",
		"www.example.com", "DNS", "EMAIL", "EC_prime256v1", "arn:aws:iam::123456789012:role/x", "security-group", "subnet", a.vpcID(), a.subnetIDs()[0],
		a.loadBalancers.all()[0].Key, a.securityGroups.all()[0].Key, a.securityGroupRules.all()[0].Key, a.internetGateways.all()[0].Key,
		a.routeTables.all()[0].Key, id, strings.Repeat("ü", 300), "\x00\xff", "security-group-rule", "local",
	}}
	region := reflect.ValueOf(a.Region)
	called := 0
	for i := range region.NumMethod() {
		method := region.Type().Method(i)
		if method.Type.NumIn() != 3 || method.Type.In(2).Kind() != reflect.Pointer {
			continue
		}
		input := method.Type.In(2).Elem()
		module, found := strings.CutPrefix(input.PkgPath(), "github.com/aws/aws-sdk-go-v2/service/")
		if !found || !slices.Contains(others, module) {
			continue
		}
		called++
		for round := range 60 {
			in := reflect.New(input)
			if round > 0 {
				for j := range input.NumField() {
					if input.Field(j).IsExported() {
						f.fill(in.Elem().Field(j), 0)
					}
				}
			}
			got := region.Method(i).Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
			err, _ := got[1].Interface().(error)
			if fault := new(Fault); err != nil && !errors.As(err, &fault) {
				t.Errorf("%s: want a fault, got %v", method.Name, err)
			}
			if err == nil && got[0].IsNil() {
				t.Errorf("%s: want an output or a fault", method.Name)
			}
		}
	}
	if called < 60 {
		t.Errorf("want every action called, got %d", called)
	}
	_ = a.View()
}
