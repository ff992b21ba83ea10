package aws_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
)

const (
	staticKey, staticSecret = "AKIDEXAMPLE", "a-secret-of-the-test"
	podRole                 = "arn:aws:iam::123456789012:role/cloudgate"
	podIssuer               = "https://kubernetes.default.svc.cluster.local"
)

// lockedAccount is an account that lets in nobody but who proves to be somebody, and an environment that proves nothing yet.
type lockedAccount struct {
	*testing.T
	url     string
	cloud   *fakeaws.Cloud
	journal *journal.Journal
	issuer  jose.JSONWebKey
}

// lockAccount starts one, which gives out sessions that clients take to last for so long.
func lockAccount(t *testing.T, sessions time.Duration) *lockedAccount {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &lockedAccount{T: t, journal: journal.New(10_000), issuer: jose.JSONWebKey{Key: key, KeyID: "one"}}
	a.cloud = openAccount(t, func(c *fakeaws.Config) {
		c.Clock = world.ManualClock(time.Now().Add(sessions - time.Hour)) // sessions last for an hour of this clock
		c.Now, c.OnlyKnownIdentities = time.Now, true
		c.IdentityProviders = []fakeaws.IdentityProvider{{
			Issuer: podIssuer, Audiences: []string{"sts.amazonaws.com"}, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.issuer.Public()}},
			Roles: []fakeaws.TrustingRole{{ARN: podRole, Subjects: []string{"system:serviceaccount:cloudgate-system:*"}}},
		}}
	}).cloud
	_, a.url = serve(t, a.cloud, func(c *awsapi.Config) {
		c.Journal, c.Keys, c.WithCaller = a.journal, map[string]string{staticKey: staticSecret}, fakeaws.WithCaller
		c.Session = func(key string) (awsapi.Session, bool) {
			s, ok := a.cloud.Session(key)
			return awsapi.Session{Secret: s.Secret, Token: s.Token, Expires: s.Expires}, ok
		}
	})
	for _, set := range os.Environ() {
		if name, value, _ := strings.Cut(set, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // so that it is there again after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return a
}

// ask has a provider that knows no credentials but those of the environment make a call.
func (a *lockedAccount) ask(p *provider.Provider) error {
	_, err := p.Observe(context.Background(), cloud.Scope{Cluster: "c"})
	return err
}

func (a *lockedAccount) provider() *provider.Provider {
	a.Helper()
	p, err := provider.New(a.Context(), provider.Config{Region: testRegion, Endpoint: a.url, Unmetered: true})
	if err != nil {
		a.Fatal(err)
	}
	return p
}

// wantDenied is the counterpart of each test: the same without what proves who asks.
func (a *lockedAccount) wantDenied(err error) {
	a.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Kind != cloud.Denied {
		a.Errorf("want %v, got %v", cloud.Denied, err)
	}
}

func (a *lockedAccount) write(path, text string) {
	a.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		a.Fatal(err)
	}
}

// calls is how often an action was called, by its name.
func (a *lockedAccount) calls(op string) int {
	_, counts := a.journal.Since(0)
	return counts[op]
}

// token is one of a pod, as the cluster makes them.
func (a *lockedAccount) token(account string, until time.Time) string {
	a.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.issuer}, nil)
	if err != nil {
		a.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: podIssuer, Subject: "system:serviceaccount:" + account, Audience: jwt.Audience{"sts.amazonaws.com"}, Expiry: jwt.NewNumericDate(until),
	}).Serialize()
	if err != nil {
		a.Fatal(err)
	}
	return text
}

func TestCredentialsOfTheEnvironment(t *testing.T) {
	a := lockAccount(t, time.Hour)
	a.wantDenied(a.ask(a.provider()))
	t.Setenv("AWS_ACCESS_KEY_ID", staticKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", staticSecret)
	if err := a.ask(a.provider()); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	a.wantDenied(a.ask(a.provider()))
}

func TestCredentialsOfAProfile(t *testing.T) {
	a, dir := lockAccount(t, time.Hour), t.TempDir()
	a.write(filepath.Join(dir, "credentials"), fmt.Sprintf(`[default]
aws_access_key_id = %[1]s
aws_secret_access_key = another
[edge]
aws_access_key_id = %[1]s
aws_secret_access_key = %[2]s
`, staticKey, staticSecret))
	a.write(filepath.Join(dir, "config"), `[profile role]
role_arn = `+podRole+`
source_profile = edge
`)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	a.wantDenied(a.ask(a.provider()))
	t.Setenv("AWS_PROFILE", "edge")
	if err := a.ask(a.provider()); err != nil {
		t.Error(err)
	}
	if n := a.calls("sts:AssumeRole"); n != 0 {
		t.Errorf("%d roles were taken, and none was named", n)
	}
	t.Setenv("AWS_PROFILE", "role")
	if err := a.ask(a.provider()); err != nil {
		t.Errorf("a role of another profile: %v", err)
	}
	if n := a.calls("sts:AssumeRole"); n != 1 {
		t.Errorf("the role was taken %d times", n)
	}
}

// TestCredentialsOfAServiceAccount is IRSA: a token in a file, which is another by and by, for sessions that end.
func TestCredentialsOfAServiceAccount(t *testing.T) {
	const last = 3 * time.Second // by the client's clock
	a, file := lockAccount(t, last), filepath.Join(t.TempDir(), "token")
	t.Setenv("AWS_ROLE_ARN", podRole)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	a.write(file, a.token("office:cloudgate", time.Now().Add(time.Hour)))
	a.wantDenied(a.ask(a.provider()))

	a.write(file, a.token("cloudgate-system:cloudgate", time.Now().Add(time.Hour)))
	p := a.provider()
	for range 3 {
		if err := a.ask(p); err != nil {
			t.Fatal(err)
		}
	}
	const op = "sts:AssumeRoleWithWebIdentity"
	taken := a.calls(op)
	a.write(file, "the kubelet has not put another here")
	eventually(t, "the session is renewed when it ends", func() bool { return a.ask(p) != nil })
	if n := a.calls(op); n <= taken {
		t.Errorf("no other session was asked for, and the one before did not do: %d", n)
	}
	a.wantDenied(a.ask(p))

	a.cloud.Clock().Advance(time.Hour) // what is given out from now on lasts, for the client too
	a.write(file, a.token("cloudgate-system:cloudgate", time.Now().Add(time.Hour)))
	if err := a.ask(p); err != nil {
		t.Errorf("with another token in the file: %v", err)
	}
}

// TestSessionThatEndsBeforeItsTime: AWS says that credentials have expired which are good by the clock of this machine.
func TestSessionThatEndsBeforeItsTime(t *testing.T) {
	a, file := lockAccount(t, time.Hour), filepath.Join(t.TempDir(), "token")
	t.Setenv("AWS_ROLE_ARN", podRole)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	a.write(file, a.token("cloudgate-system:cloudgate", time.Now().Add(time.Hour)))
	p := a.provider()
	if err := a.ask(p); err != nil {
		t.Fatal(err)
	}
	a.cloud.Clock().Advance(time.Hour)
	var e *cloud.Error
	if err := a.ask(p); !errors.As(err, &e) || e.Kind != cloud.Unavailable {
		t.Errorf("want %v, for it is tried again, got %v", cloud.Unavailable, err)
	}
	if err := a.ask(p); err != nil {
		t.Errorf("the next call has other credentials, got %v", err)
	}
}

// TestCredentialsOfPodIdentity: an agent on the node gives out sessions to who brings the token of the pod.
func TestCredentialsOfPodIdentity(t *testing.T) {
	a, file := lockAccount(t, time.Hour), filepath.Join(t.TempDir(), "token")
	var served atomic.Int64
	var down atomic.Bool
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "the agent is sick", http.StatusInternalServerError)
			return
		}
		if r.URL.Path != "/v1/credentials" || r.Header.Get("Authorization") != "token of the pod" {
			http.Error(w, `{"code":"AccessDenied","message":"who are you?"}`, http.StatusForbidden)
			return
		}
		out, err := a.cloud.Region(testRegion).AssumeRole(r.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(podRole), RoleSessionName: aws.String("pod")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		served.Add(1)
		c := out.Credentials
		_ = json.NewEncoder(w).Encode(map[string]any{"AccessKeyId": c.AccessKeyId, "SecretAccessKey": c.SecretAccessKey, "Token": c.SessionToken,
			"AccountId": "123456789012", "Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}))
	t.Cleanup(agent.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.URL+"/v1/credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
	a.write(file, "token of another pod")
	a.wantDenied(a.ask(a.provider()))
	a.write(file, "token of the pod")
	down.Store(true)
	var e *cloud.Error
	if err := a.ask(a.provider()); !errors.As(err, &e) || e.Kind != cloud.Unavailable || strings.Contains(err.Error(), "sick") {
		t.Errorf("an agent that is at fault: want %v, got %v", cloud.Unavailable, err)
	}
	down.Store(false)
	p := a.provider()
	for range 2 {
		if err := a.ask(p); err != nil {
			t.Error(err)
		}
	}
	if n := served.Load(); n != 1 {
		t.Errorf("the agent was asked %d times, want once for as long as the session lasts", n)
	}
}

// TestEndpointIsAskedForRolesToo: what answers in place of AWS does so for STS, whatever else the environment says.
func TestEndpointIsAskedForRolesToo(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s went to another endpoint", r.Method, r.URL)
	}))
	t.Cleanup(other.Close)
	for _, variable := range []string{"none", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"} {
		t.Run(variable, func(t *testing.T) {
			a, file := lockAccount(t, time.Hour), filepath.Join(t.TempDir(), "token")
			t.Setenv("AWS_ROLE_ARN", podRole)
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
			t.Setenv(variable, other.URL)
			a.write(file, a.token("cloudgate-system:cloudgate", time.Now().Add(time.Hour)))
			if err := a.ask(a.provider()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServiceForRolesThatIsAway is no lack of credentials: they come when it is back.
func TestServiceForRolesThatIsAway(t *testing.T) {
	a, file := lockAccount(t, time.Hour), filepath.Join(t.TempDir(), "token")
	t.Setenv("AWS_ROLE_ARN", podRole)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	a.write(file, a.token("cloudgate-system:cloudgate", time.Now().Add(time.Hour)))
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	p, err := provider.New(t.Context(), provider.Config{Region: testRegion, Endpoint: away.URL, Unmetered: true})
	if err != nil {
		t.Fatal(err)
	}
	var e *cloud.Error
	if err := a.ask(p); !errors.As(err, &e) || e.Kind != cloud.Unavailable || e.Op != "AssumeRoleWithWebIdentity" {
		t.Errorf("want %v of the call that asks for the role, got %v", cloud.Unavailable, err)
	}
}
