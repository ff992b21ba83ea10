package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

const clusterIssuer = "https://kubernetes.default.svc.cluster.local"

// cluster is an issuer of tokens for service accounts, with the keys that it publishes.
type cluster struct {
	t    *testing.T
	key  jose.JSONWebKey
	keys obj
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	k := jose.JSONWebKey{Key: key, KeyID: "one", Algorithm: string(jose.RS256), Use: "sig"}
	return cluster{t, k, obj{"keys": []any{k.Public()}}}
}

// tokenFile is a file with a token for a service account, as it is mounted into pods.
func (c cluster) tokenFile(account, audience string) string {
	c.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: c.key}, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	now := time.Now()
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: clusterIssuer, Subject: "system:serviceaccount:" + account, Audience: jwt.Audience{audience},
		Expiry: jwt.NewNumericDate(now.Add(time.Hour)), NotBefore: jwt.NewNumericDate(now), IssuedAt: jwt.NewNumericDate(now),
	}).Serialize()
	if err != nil {
		c.t.Fatal(err)
	}
	file := filepath.Join(c.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// inPod is the SDK's configuration in a pod that has nothing but its environment.
func (c *cloud) inPod(file string) aws.Config {
	c.t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": c.server.AWSURL(), "AWS_ENDPOINT_URL_STS": c.server.AWSURL(), "AWS_REGION": "eu-west-3", "AWS_WEB_IDENTITY_TOKEN_FILE": file,
		"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/cloudgate", "AWS_ROLE_SESSION_NAME": "pod", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		c.t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

// TestAWSDefaultChain: a pod's token becomes a session once its cluster is known, as with IAM roles for service accounts, without anything but
// the environment. The session ends.
func TestAWSDefaultChain(t *testing.T) {
	c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0", Keys: map[string]string{"AKID": "secret"}}})
	ctx, k := context.Background(), newCluster(t)
	cfg := c.inPod(k.tokenFile("shop:front", "sts.amazonaws.com"))
	vpcs := func(cfg aws.Config) error {
		_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
		return err
	}
	if err := vpcs(cfg); awsCode(err) != "InvalidIdentityToken" {
		t.Errorf("a cluster that nobody knows: got %v", err)
	}

	const url = "/admin/v1/aws/identity-providers"
	known := obj{
		"issuer": clusterIssuer, "audiences": []string{"sts.amazonaws.com"}, "jwks": k.keys,
		"roles": []obj{{"arn": "arn:aws:iam::123456789012:role/cloudgate", "subjects": []string{"system:serviceaccount:shop:*"}}},
	}
	c.call(201, "POST", url, known)
	if err := vpcs(cfg); err != nil {
		t.Fatalf("a pod: %v", err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::123456789012:assumed-role/cloudgate/pod" {
		t.Errorf("got %v, %v", who, err)
	}
	if err := vpcs(c.inPod(k.tokenFile("office:front", "sts.amazonaws.com"))); awsCode(err) != "AccessDenied" {
		t.Errorf("a pod that the role does not trust: got %v", err)
	}
	if err := vpcs(c.inPod(k.tokenFile("shop:front", clusterIssuer))); awsCode(err) != "InvalidIdentityToken" {
		t.Errorf("a token for the API server: got %v", err)
	}
	if err := vpcs(c.inPod(newCluster(t).tokenFile("shop:front", "sts.amazonaws.com"))); awsCode(err) != "InvalidIdentityToken" {
		t.Errorf("a token that another cluster made: got %v", err)
	}

	c.call(200, "POST", "/admin/v1/clock", obj{"advance": "1h"})
	if err := vpcs(cfg); awsCode(err) != "RequestExpired" {
		t.Errorf("a session that has ended: got %v", err)
	}
	if _, err := acm.NewFromConfig(cfg).ListCertificates(ctx, &acm.ListCertificatesInput{}); awsCode(err) != "ExpiredTokenException" {
		t.Errorf("a session that has ended: got %v", err)
	}

	if items := c.call(200, "GET", url, nil)["items"].([]any); len(items) != 1 {
		t.Errorf("got %v", items)
	}
	c.call(404, "DELETE", url+"?issuer=https://other.example.com", nil)
	c.call(204, "DELETE", url+"?issuer="+clusterIssuer, nil)
	if err := vpcs(c.inPod(k.tokenFile("shop:front", "sts.amazonaws.com"))); awsCode(err) != "InvalidIdentityToken" {
		t.Errorf("a cluster that is not known any more: got %v", err)
	}
	known["jwks"] = obj{"keys": []any{k.key}}
	c.call(400, "POST", url, known)
	known["jwks"], known["thumbprint"] = k.keys, "x"
	c.call(400, "POST", url, known)
}

// TestAWSIdentityProvidersOfTheConfig are known from the start.
func TestAWSIdentityProvidersOfTheConfig(t *testing.T) {
	k := newCluster(t)
	c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0", Keys: map[string]string{"AKID": "secret"}, IdentityProviders: []fakeaws.IdentityProvider{{
		Issuer: clusterIssuer, Audiences: []string{"sts.amazonaws.com"}, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.key.Public()}},
	}}}})
	cfg := c.inPod(k.tokenFile("shop:front", "sts.amazonaws.com"))
	if _, err := ec2.NewFromConfig(cfg).DescribeVpcs(context.Background(), &ec2.DescribeVpcsInput{}); err != nil {
		t.Errorf("a pod: %v", err)
	}
}
