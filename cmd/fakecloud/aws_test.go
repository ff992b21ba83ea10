package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
)

// elb returns a client of the program's AWS, whose address it takes from the log.
func (p *process) elb(t *testing.T, key, secret string) *elbv2.Client {
	t.Helper()
	for l := range strings.SplitSeq(p.log.String(), "\n") {
		var line struct{ Msg, Endpoint string }
		if json.Unmarshal([]byte(l), &line) == nil && line.Msg == "fake AWS" {
			return elbv2.New(elbv2.Options{Region: "us-east-1", BaseEndpoint: &line.Endpoint, Retryer: aws.NopRetryer{},
				Credentials: credentials.NewStaticCredentialsProvider(key, secret, "")})
		}
	}
	t.Fatalf("the log does not say where AWS is: %s", p.log)
	return nil
}

// TestCrashesOfAWS: what was answered is kept, and what was not may be; there is no third.
func TestCrashesOfAWS(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("# of the test\nAKID secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for effect, performed := range map[string]bool{"crash-before": false, "crash-after": true} {
		args := []string{"--state", filepath.Join(t.TempDir(), "state.db"), "--address-pool", ownPool(), "--aws-key-file", keys}
		p := begin(t, args...)
		create := func(name string) error {
			_, err := p.elb(t, "AKID", "secret").CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{Name: &name, TargetType: types.TargetTypeEnumLambda})
			return err
		}
		if err := create("before"); err != nil {
			t.Fatal(err)
		}
		p.must(t, 201, "POST", "/admin/v1/aws/faults", obj{"op": "elasticloadbalancing:CreateTargetGroup", "effect": effect})
		if err := create("after"); err == nil {
			t.Errorf("%s: it was answered", effect)
		}
		_ = p.cmd.Wait() // it crashed
		p = begin(t, args...)
		groups, err := p.elb(t, "AKID", "secret").DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, g := range groups.TargetGroups {
			names[*g.TargetGroupName] = true
		}
		if !names["before"] || names["after"] != performed {
			t.Errorf("%s: got %v", effect, names)
		}
		_, err = p.elb(t, "AKID", "another").DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{})
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != "SignatureDoesNotMatch" {
			t.Errorf("%s: a wrong secret is let in after the restart: %v", effect, err)
		}
	}
}
