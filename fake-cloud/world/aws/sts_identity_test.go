package aws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
)

const testIssuer = "https://oidc.example.com/id/1"

// signer makes tokens, as a cluster does.
type signer struct {
	t   testing.TB
	key jose.JSONWebKey
}

func signerFor(t testing.TB, keyID string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, jose.JSONWebKey{Key: key, KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"}}
}

// keys is what the issuer publishes.
func (s signer) keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}}
}

// token returns one that is good, as change has made its claims. A claim that is nil is left out.
func (s signer) token(change map[string]any) string {
	s.t.Helper()
	with, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	claims := map[string]any{
		"iss": testIssuer, "sub": "system:serviceaccount:shop:front", "aud": []string{"sts.amazonaws.com"},
		"exp": start.Add(time.Hour).Unix(), "nbf": start.Unix(), "iat": start.Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := jwt.Signed(with).Claims(claims).Serialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// provider is the issuer as the account knows it.
func (s signer) provider() IdentityProvider {
	return IdentityProvider{Issuer: testIssuer, Audiences: []string{"other", "sts.amazonaws.com"}, Keys: s.keys()}
}

func withToken(token string) *sts.AssumeRoleWithWebIdentityInput {
	return &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: ptr("arn:aws:iam::123456789012:role/cloudgate"), RoleSessionName: ptr("pod"), WebIdentityToken: &token,
	}
}

// TestWebIdentity: a token of an issuer that is trusted is verified, whoever else is let in.
func TestWebIdentity(t *testing.T) {
	s := signerFor(t, "one")
	a := accountFor(t, func(c *Config) { c.IdentityProviders = []IdentityProvider{s.provider()} })
	got := do(a, a.AssumeRoleWithWebIdentity, withToken(s.token(nil)))
	if *got.Audience != "sts.amazonaws.com" || *got.SubjectFromWebIdentityToken != "system:serviceaccount:shop:front" || *got.Provider != testIssuer {
		t.Errorf("want what the token says, got %+v", got)
	}
	if session, ok := a.Cloud().Session(*got.Credentials.AccessKeyId); !ok || session.Token != *got.Credentials.SessionToken {
		t.Error("want a session")
	}

	good := s.token(nil)
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	part := base64.RawURLEncoding.EncodeToString
	unsigned := part([]byte(`{"alg":"none"}`)) + "." + payload + "."
	hmac := part([]byte(`{"alg":"HS256","kid":"one"}`)) + "." + payload + "." + signature
	for _, c := range []struct{ name, token, code, message string }{
		{"another's key of the same name", signerFor(t, "one").token(nil), "InvalidIdentityToken", "signature"},
		{"a key that is not published", signerFor(t, "two").token(nil), "InvalidIdentityToken", "verification key"},
		{"another's claims under a signature", header + "." + part([]byte(`{"iss":"`+testIssuer+`","sub":"x","aud":"other","exp":9999999999}`)) + "." + signature,
			"InvalidIdentityToken", "signature"},
		{"no signature", unsigned, "InvalidIdentityToken", "not a valid JWT"},
		{"a public key as a secret", hmac, "InvalidIdentityToken", "not a valid JWT"},
		{"for somebody else", s.token(map[string]any{"aud": "https://kubernetes.default.svc"}), "InvalidIdentityToken", "Incorrect token audience"},
		{"for nobody", s.token(map[string]any{"aud": nil}), "InvalidIdentityToken", "Incorrect token audience"},
		{"expired", s.token(map[string]any{"exp": start.Unix()}), "ExpiredTokenException", "Token expired"},
		{"not yet good", s.token(map[string]any{"nbf": start.Add(time.Minute).Unix()}), "InvalidIdentityToken", "not yet valid"},
		{"without an end", s.token(map[string]any{"exp": nil}), "InvalidIdentityToken", "required claim"},
		{"of no subject", s.token(map[string]any{"sub": nil}), "InvalidIdentityToken", "required claim"},
		{"an end under another name", s.token(map[string]any{"exp": nil, "EXP": start.Add(time.Hour).Unix()}), "InvalidIdentityToken", "required claim"},
		{"for us under another name", s.token(map[string]any{"aud": nil, "Aud": "sts.amazonaws.com"}), "InvalidIdentityToken", "Incorrect token audience"},
		{"no token", "nonsense", "InvalidIdentityToken", "not a valid JWT"},
		{"too long", good + strings.Repeat("A", maxToken), "InvalidIdentityToken", "not a valid JWT"},
	} {
		_, err := a.AssumeRoleWithWebIdentity(t.Context(), withToken(c.token))
		if !isFault(err, c.code) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: want %s with %q, got %v", c.name, c.code, c.message, err)
		}
	}
}

// TestTokenWithoutAKeyID: some issuers do not name the key, and any of theirs may have signed.
func TestTokenWithoutAKeyID(t *testing.T) {
	one, two := signerFor(t, ""), signerFor(t, "")
	p := one.provider()
	p.Keys.Keys = append(p.Keys.Keys, two.keys().Keys...)
	a := accountFor(t, func(c *Config) { c.IdentityProviders = []IdentityProvider{p} })
	do(a, a.AssumeRoleWithWebIdentity, withToken(one.token(nil)))
	do(a, a.AssumeRoleWithWebIdentity, withToken(two.token(nil)))
	refused(a, "InvalidIdentityToken", a.AssumeRoleWithWebIdentity, withToken(signerFor(t, "").token(nil)))
}

// TestOtherNamesAreOtherClaims: what is there beside a claim, under its name in other letters, is not it.
func TestOtherNamesAreOtherClaims(t *testing.T) {
	s := signerFor(t, "one")
	a := accountFor(t, func(c *Config) { c.IdentityProviders = []IdentityProvider{s.provider()} })
	got := do(a, a.AssumeRoleWithWebIdentity, withToken(s.token(map[string]any{"SUB": "x", "zub": "x", "ſub": "x", "Iss": "https://x", "AUD": "x", "Exp": 1})))
	if *got.SubjectFromWebIdentityToken != "system:serviceaccount:shop:front" || *got.Audience != "sts.amazonaws.com" || *got.Provider != testIssuer {
		t.Errorf("want what the claims say, got %+v", got)
	}
}

// TestKeysOfAnotherUse sign nothing.
func TestKeysOfAnotherUse(t *testing.T) {
	for name, c := range map[string]struct {
		use, algorithm string
		good           bool
	}{
		"for signatures":       {use: "sig", algorithm: "ES256", good: true},
		"for whatever":         {good: true},
		"to encrypt":           {use: "enc"},
		"of another algorithm": {algorithm: "ES384"},
	} {
		for _, keyID := range []string{"one", ""} {
			s := signerFor(t, keyID)
			p := s.provider()
			p.Keys.Keys[0].Use, p.Keys.Keys[0].Algorithm = c.use, c.algorithm
			a := accountFor(t, func(c *Config) { c.IdentityProviders = []IdentityProvider{p} })
			if _, err := a.AssumeRoleWithWebIdentity(t.Context(), withToken(s.token(nil))); (err == nil) != c.good || err != nil && !isFault(err, "InvalidIdentityToken") {
				t.Errorf("a key %s, called %q: want it to verify %v, got %v", name, keyID, c.good, err)
			}
		}
	}
}

// TestTokenOfAnIssuerThatNobodyKnows: it is believed in an account that lets everybody in, and in no other.
func TestTokenOfAnIssuerThatNobodyKnows(t *testing.T) {
	s := signerFor(t, "one")
	open := accountFor(t, nil)
	do(open, open.AssumeRoleWithWebIdentity, withToken(s.token(nil)))
	refused(open, "ExpiredTokenException", open.AssumeRoleWithWebIdentity, withToken(s.token(map[string]any{"exp": start.Unix()})))

	closed := accountFor(t, func(c *Config) { c.OnlyKnownIdentities = true })
	_, err := closed.AssumeRoleWithWebIdentity(t.Context(), withToken(s.token(nil)))
	if want := "InvalidIdentityToken: No OpenIDConnect provider found in your account for " + testIssuer; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}

// TestRolesThatTrust: what a role's trust policy would say.
func TestRolesThatTrust(t *testing.T) {
	s := signerFor(t, "one")
	p := s.provider()
	p.Roles = []TrustingRole{
		{ARN: "arn:aws:iam::123456789012:role/cloudgate", Subjects: []string{"system:serviceaccount:shop:*", "exactly"}},
		{ARN: "arn:aws:iam::123456789012:role/other", Subjects: []string{"*"}},
	}
	a := accountFor(t, func(c *Config) { c.IdentityProviders = []IdentityProvider{p} })
	do(a, a.AssumeRoleWithWebIdentity, withToken(s.token(nil)))
	do(a, a.AssumeRoleWithWebIdentity, withToken(s.token(map[string]any{"sub": "exactly"})))
	refused(a, "AccessDenied", a.AssumeRoleWithWebIdentity, withToken(s.token(map[string]any{"sub": "system:serviceaccount:office:front"})))
	third := withToken(s.token(nil))
	third.RoleArn = ptr("arn:aws:iam::123456789012:role/third")
	refused(a, "AccessDenied", a.AssumeRoleWithWebIdentity, third)
}

// TestIdentityProvidersAreRegistered, replaced, kept over a restart and dropped.
func TestIdentityProvidersAreRegistered(t *testing.T) {
	old, next := signerFor(t, "old"), signerFor(t, "next")
	path := filepath.Join(t.TempDir(), "aws.db")
	config := func(c *Config) {
		c.Path, c.OnlyKnownIdentities, c.IdentityProviders = path, true, []IdentityProvider{old.provider()}
	}
	a := accountFor(t, config)
	if err := a.Cloud().TrustIdentityProvider(next.provider()); err != nil {
		t.Fatal(err)
	}
	refused(a, "InvalidIdentityToken", a.AssumeRoleWithWebIdentity, withToken(old.token(nil)))
	if err := a.Cloud().Close(); err != nil {
		t.Fatal(err)
	}

	a = accountFor(t, config)
	do(a, a.AssumeRoleWithWebIdentity, withToken(next.token(nil)))
	if n := len(a.Cloud().IdentityProviders()); n != 1 {
		t.Errorf("want the one issuer, got %d", n)
	}
	for _, want := range []bool{true, false} {
		if was, err := a.Cloud().DistrustIdentityProvider(testIssuer); err != nil || was != want {
			t.Errorf("want %v, got %v %v", want, was, err)
		}
	}
	do(a, a.AssumeRoleWithWebIdentity, withToken(old.token(nil))) // that of the Config is there again
	refused(a, "InvalidIdentityToken", a.AssumeRoleWithWebIdentity, withToken(next.token(nil)))
}

func TestIdentityProvidersThatAreRefused(t *testing.T) {
	s := signerFor(t, "one")
	for name, change := range map[string]func(*IdentityProvider){
		"no https":          func(p *IdentityProvider) { p.Issuer = "http://oidc.example.com" },
		"no host":           func(p *IdentityProvider) { p.Issuer = "https:///x" },
		"a query":           func(p *IdentityProvider) { p.Issuer = testIssuer + "?a=b" },
		"no audience":       func(p *IdentityProvider) { p.Audiences = nil },
		"an empty one":      func(p *IdentityProvider) { p.Audiences = []string{""} },
		"no key":            func(p *IdentityProvider) { p.Keys.Keys = nil },
		"a private key":     func(p *IdentityProvider) { p.Keys.Keys = []jose.JSONWebKey{s.key} },
		"a shared secret":   func(p *IdentityProvider) { p.Keys.Keys = []jose.JSONWebKey{{Key: []byte("secret")}} },
		"no role":           func(p *IdentityProvider) { p.Roles = []TrustingRole{{ARN: "cloudgate", Subjects: []string{"*"}}} },
		"a role for no one": func(p *IdentityProvider) { p.Roles = []TrustingRole{{ARN: "arn:aws:iam::123456789012:role/cloudgate"}} },
	} {
		a, p := accountFor(t, nil), s.provider()
		change(&p)
		if err := a.Cloud().TrustIdentityProvider(p); !isFault(err, "ValidationError") {
			t.Errorf("%s: want it refused, got %v", name, err)
		}
	}
	twice := Config{IdentityProviders: []IdentityProvider{s.provider(), s.provider()}}
	if err := checkIdentityProviders(twice.IdentityProviders); err == nil {
		t.Error("want an issuer refused that is there twice")
	}
}

// TestIdentityProviderAsJSON is what files and the admin API have.
func TestIdentityProviderAsJSON(t *testing.T) {
	want := signerFor(t, "one").provider()
	want.Roles = []TrustingRole{{ARN: "arn:aws:iam::123456789012:role/cloudgate", Subjects: []string{"*"}}}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	var got IdentityProvider
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &fields); err != nil || len(fields) != 4 {
		t.Errorf("want four fields, got %s %v", raw, err)
	}
	again, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(raw), string(again)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzReadIdentity(f *testing.F) {
	f.Add("a.e30.c")
	f.Add("a." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"i","sub":"s","aud":["a"],"exp":1}`)) + ".c")
	s := signerFor(f, "one")
	p := s.provider()
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := p.verify(token); err == nil {
			t.Errorf("a token was made up: %s", token)
		}
	})
}
