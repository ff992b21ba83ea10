package aws

import (
	"maps"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func required(of string, fields map[string]*string) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if aws.ToString(fields[name]) == "" {
			return invalidf("%s of an action of type '%s' must be specified", name, of)
		}
	}
	return nil
}

func checkHTTPS(of, name string, address *string) error {
	u, err := url.Parse(aws.ToString(address))
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return invalidf("%s of an action of type '%s' must be a full URL with the HTTPS protocol", name, of)
	}
	return nil
}

// readOIDC checks an action and fills in its defaults, and the secret of the action that it replaces where that is asked for.
func readOIDC(a *types.Action, was []types.Action) error {
	const kind = "authenticate-oidc"
	c := *a.AuthenticateOidcConfig
	if aws.ToBool(c.UseExistingClientSecret) {
		i := slices.IndexFunc(was, func(a types.Action) bool { return a.AuthenticateOidcConfig != nil })
		if i < 0 || c.ClientSecret != nil {
			return invalidf("UseExistingClientSecret can be set only where a client secret exists and none is specified")
		}
		c.ClientSecret = was[i].AuthenticateOidcConfig.ClientSecret
	}
	c.UseExistingClientSecret = nil
	if err := required(kind, map[string]*string{"ClientId": c.ClientId, "ClientSecret": c.ClientSecret}); err != nil {
		return err
	}
	for name, address := range map[string]*string{
		"Issuer": c.Issuer, "AuthorizationEndpoint": c.AuthorizationEndpoint, "TokenEndpoint": c.TokenEndpoint, "UserInfoEndpoint": c.UserInfoEndpoint,
	} {
		if err := checkHTTPS(kind, name, address); err != nil {
			return err
		}
	}
	if c.OnUnauthenticatedRequest != "" && !slices.Contains(c.OnUnauthenticatedRequest.Values(), c.OnUnauthenticatedRequest) {
		return invalidf("'%s' is not a valid value for OnUnauthenticatedRequest", clip(string(c.OnUnauthenticatedRequest)))
	}
	if len(c.AuthenticationRequestExtraParams) > 10 {
		return invalidf("At most 10 authentication request parameters can be specified")
	}
	if c.OnUnauthenticatedRequest == "" {
		c.OnUnauthenticatedRequest = types.AuthenticateOidcActionConditionalBehaviorEnumAuthenticate
	}
	initial(&c.Scope, "openid")
	initial(&c.SessionCookieName, "AWSELBAuthSessionCookie")
	initial(&c.SessionTimeout, 604800)
	a.AuthenticateOidcConfig = &c
	return nil
}

func initial[T any](v **T, value T) {
	if *v == nil {
		*v = &value
	}
}

func checkCognito(c *types.AuthenticateCognitoActionConfig) error {
	if c.OnUnauthenticatedRequest != "" && !slices.Contains(c.OnUnauthenticatedRequest.Values(), c.OnUnauthenticatedRequest) {
		return invalidf("'%s' is not a valid value for OnUnauthenticatedRequest", clip(string(c.OnUnauthenticatedRequest)))
	}
	return required("authenticate-cognito", map[string]*string{
		"UserPoolArn": c.UserPoolArn, "UserPoolClientId": c.UserPoolClientId, "UserPoolDomain": c.UserPoolDomain,
	})
}

func checkJWT(c *types.JwtValidationActionConfig) error {
	const kind = "jwt-validation"
	if err := required(kind, map[string]*string{"Issuer": c.Issuer}); err != nil {
		return err
	}
	if len(*c.Issuer) > 256 || len(aws.ToString(c.JwksEndpoint)) > 256 || len(c.AdditionalClaims) > 10 {
		return invalidf("Issuer and JwksEndpoint must have at most 256 characters, and AdditionalClaims at most 10 items")
	}
	for _, claim := range c.AdditionalClaims {
		if slices.Contains([]string{"", "exp", "iss", "nbf", "iat"}, aws.ToString(claim.Name)) || len(claim.Values) < 1 || len(claim.Values) > 10 ||
			!slices.Contains(claim.Format.Values(), claim.Format) {
			return invalidf("Additional claim '%s' is not valid", clip(aws.ToString(claim.Name)))
		}
	}
	return checkHTTPS(kind, "JwksEndpoint", c.JwksEndpoint)
}
