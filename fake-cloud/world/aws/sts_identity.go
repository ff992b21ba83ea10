package aws

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // names of members are what they are, in lower case, and each is there once
	"github.com/go-jose/go-jose/v4/jwt"
)

// IdentityProvider is an issuer of tokens whom the account trusts: what IAM has as an OpenID Connect provider, with the keys that AWS would
// fetch from it.
type IdentityProvider struct {
	Issuer    string             `json:"issuer"`    // as tokens have it in iss: "https://oidc.example.com/id"
	Audiences []string           `json:"audiences"` // of which a token has to be for one: "sts.amazonaws.com"
	Keys      jose.JSONWebKeySet `json:"jwks"`      // public keys alone
	// Roles are those that tokens of this issuer can take. Without any they can take every role.
	Roles []TrustingRole `json:"roles,omitempty"`
}

// TrustingRole is what the trust policy of a role says of an identity provider.
type TrustingRole struct {
	ARN      string   `json:"arn"`
	Subjects []string `json:"subjects"` // patterns of sub, with * and ?: "system:serviceaccount:default:*"
}

// identityRow is a provider that was registered.
type identityRow struct {
	Meta
	Provider IdentityProvider
}

const (
	maxToken         = 20000 // as AWS documents WebIdentityToken
	maxAudiences     = 100   // of a provider, as IAM has it
	maxIdentityKeys  = 100
	maxTrustingRoles = 1000
	maxSubjects      = 100
	maxPattern       = 1024
)

// signatures are the algorithms that AWS verifies.
var signatures = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

var issuerText = regexp.MustCompile(`^https://[!-~]{1,247}$`)

// check returns what is wrong with a provider, in words for who registers it.
func (p *IdentityProvider) check() error {
	u, err := url.Parse(p.Issuer)
	if err != nil || !issuerText.MatchString(p.Issuer) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("issuer: it has to be an address such as https://oidc.example.com/id")
	}
	if len(p.Audiences) == 0 || len(p.Audiences) > maxAudiences || slices.Contains(p.Audiences, "") {
		return fmt.Errorf("audiences: give 1 to %d, such as sts.amazonaws.com", maxAudiences)
	}
	if len(p.Keys.Keys) == 0 || len(p.Keys.Keys) > maxIdentityKeys {
		return fmt.Errorf("jwks: give 1 to %d keys", maxIdentityKeys)
	}
	for i, k := range p.Keys.Keys {
		if !k.Valid() || !k.IsPublic() {
			return fmt.Errorf("jwks: key %d is no public key", i+1)
		}
	}
	if len(p.Roles) > maxTrustingRoles {
		return fmt.Errorf("roles: give %d at most", maxTrustingRoles)
	}
	for _, r := range p.Roles {
		if err := r.check(); err != nil {
			return fmt.Errorf("roles: %w", err)
		}
	}
	return nil
}

func (r TrustingRole) check() error {
	if !roleARN.MatchString(r.ARN) {
		return fmt.Errorf("%s is not the ARN of a role", clip(r.ARN))
	}
	if len(r.Subjects) == 0 || len(r.Subjects) > maxSubjects {
		return fmt.Errorf("%s: give 1 to %d subjects", r.ARN, maxSubjects)
	}
	for _, s := range r.Subjects {
		if s == "" || len(s) > maxPattern {
			return fmt.Errorf("%s: a subject has 1 to %d characters", r.ARN, maxPattern)
		}
	}
	return nil
}

// checkIdentityProviders refuses those of a Config that are not as they have to be, or are there twice.
func checkIdentityProviders(all []IdentityProvider) error {
	seen := map[string]bool{}
	for i := range all {
		if err := all[i].check(); err != nil {
			return fmt.Errorf("identity provider %d: %w", i+1, err)
		}
		if seen[all[i].Issuer] {
			return fmt.Errorf("identity provider %d: %s is there twice", i+1, all[i].Issuer)
		}
		seen[all[i].Issuer] = true
	}
	return nil
}

// TrustIdentityProvider has the account trust an issuer of tokens from now on, in the place of what was registered for it. A Fault says what is
// wrong with it.
func (c *Cloud) TrustIdentityProvider(p IdentityProvider) error {
	if err := p.check(); err != nil {
		return invalidf("%s", err)
	}
	r := c.Region(globalRegion)
	return r.write(func(x *tx) error {
		r.identities.put(x, &identityRow{Meta: x.meta(p.Issuer, nil, 0), Provider: p})
		return nil
	})
}

// DistrustIdentityProvider ends that, and tells whether it was registered. Sessions that were given out stay good for their time. Those of the
// Config stay.
func (c *Cloud) DistrustIdentityProvider(issuer string) (was bool, err error) {
	r := c.Region(globalRegion)
	err = r.write(func(x *tx) error {
		if _, was = r.identities.get(issuer); was {
			r.identities.drop(x, issuer)
		}
		return nil
	})
	return was, err
}

// IdentityProviders returns the issuers that are trusted, by name: those that were registered, and of the Config those that were not.
func (c *Cloud) IdentityProviders() []IdentityProvider {
	r := c.Region(globalRegion)
	found := []IdentityProvider{}
	_ = r.read(func() error {
		for _, row := range r.identities.all() {
			found = append(found, row.Provider)
		}
		for _, p := range c.cfg.IdentityProviders {
			if _, registered := r.identities.get(p.Issuer); !registered {
				found = append(found, p)
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b IdentityProvider) int { return cmp.Compare(a.Issuer, b.Issuer) })
	return found
}

func (c *Cloud) identityProvider(issuer string) (IdentityProvider, bool) {
	all := c.IdentityProviders()
	at := slices.IndexFunc(all, func(p IdentityProvider) bool { return p.Issuer == issuer })
	if at < 0 {
		return IdentityProvider{}, false
	}
	return all[at], true
}

// identify returns what a token says of who brings it, as far as the account believes it. Tokens of an issuer that is not known are believed
// where the account verifies nothing else either.
func (c *Cloud) identify(token, role string) (identity, error) {
	claims, err := readIdentity(token)
	if err != nil {
		return claims, err
	}
	p, known := c.identityProvider(claims.Issuer)
	if !known && c.cfg.OnlyKnownIdentities {
		return claims, faultf("InvalidIdentityToken", "No OpenIDConnect provider found in your account for %s", clip(claims.Issuer))
	}
	if known {
		if claims, err = p.verify(token); err != nil {
			return claims, err
		}
	}
	if err := claims.checkTimes(c.cfg.Now()); err != nil {
		return claims, err
	}
	if known && !p.trusts(role, claims.Subject) {
		return claims, &Fault{Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity", Status: 403}
	}
	return claims, nil
}

// verify checks that the issuer made the token, and for us, and returns what it says then.
func (p *IdentityProvider) verify(token string) (claims identity, err error) {
	parsed, err := jwt.ParseSigned(token, signatures)
	if err != nil {
		return claims, notAToken
	}
	keys := p.keysFor(parsed.Headers[0])
	if len(keys) == 0 {
		return claims, faultf("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	if !slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return parsed.Claims(k, &claims) == nil }) {
		return claims, faultf("InvalidIdentityToken", "The signature of the token is not valid")
	}
	if err := claims.check(); err != nil {
		return claims, err
	}
	if claims.Issuer != p.Issuer {
		return claims, faultf("InvalidIdentityToken", "The token is of another issuer")
	}
	if !slices.ContainsFunc(p.Audiences, func(a string) bool { return slices.Contains(claims.Audience, a) }) {
		return claims, faultf("InvalidIdentityToken", "Incorrect token audience")
	}
	return claims, nil
}

// keysFor returns the keys that may have signed a token: by their name, where the token has one, for signatures, and by the algorithm that it has.
func (p *IdentityProvider) keysFor(header jose.Header) []jose.JSONWebKey {
	return slices.DeleteFunc(slices.Clone(p.Keys.Keys), func(k jose.JSONWebKey) bool {
		return header.KeyID != "" && k.KeyID != header.KeyID || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != header.Algorithm
	})
}

// trusts tells whether a role can be taken by a subject of the issuer.
func (p *IdentityProvider) trusts(role, subject string) bool {
	return len(p.Roles) == 0 || slices.ContainsFunc(p.Roles, func(r TrustingRole) bool {
		return r.ARN == role && slices.ContainsFunc(r.Subjects, func(pattern string) bool { return globMatch(pattern, subject) })
	})
}

// identity is what a token of an identity provider says.
type identity struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   int64    `json:"exp"`
	NotBefore int64    `json:"nbf"`
}

// audience is one name or a list of them.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if err := json.Unmarshal(raw, &one); err == nil {
		*a = audience{one}
		return nil
	}
	var all []string
	err := json.Unmarshal(raw, &all)
	*a = slices.Clone(all)
	return err
}

var notAToken = faultf("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")

// readIdentity reads a token, which nobody has verified.
func readIdentity(token string) (identity, error) {
	var claims identity
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken {
		return claims, notAToken
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		return claims, missingClaim
	}
	return claims, claims.check()
}

var missingClaim = faultf("InvalidIdentityToken", "Missing a required claim: iss, sub and exp have to be there")

// check refuses claims that lack one.
func (i identity) check() error {
	if i.Issuer == "" || i.Subject == "" || i.Expires == 0 {
		return missingClaim
	}
	return nil
}

func (i identity) checkTimes(now time.Time) error {
	if now.Unix() >= i.Expires {
		return faultf("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), i.Expires)
	}
	if now.Unix() < i.NotBefore {
		return faultf("InvalidIdentityToken", "Token is not yet valid: current date/time %d must not be before %d", now.Unix(), i.NotBefore)
	}
	return nil
}
