package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// providerOf returns a provider that asks handler in place of AWS.
func providerOf(t *testing.T, handler http.HandlerFunc) *Provider {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return providerAt(t, s.URL, credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""))
}

func providerAt(t *testing.T, url string, c aws.CredentialsProvider) *Provider {
	t.Helper()
	p, err := New(t.Context(), Config{Region: "eu-west-1", VPC: "vpc-1", Endpoint: url, Credentials: c, Unmetered: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The three ways in which the services word an error.

func queryError(code, message string) string {
	return fmt.Sprintf(`<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>%s</Code>`+
		`<Message>%s</Message></Error><RequestId>6c0d-%s</RequestId></ErrorResponse>`, code, message, code)
}

func ec2Error(code, message string) string {
	return fmt.Sprintf(`<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>ea966190</RequestID></Response>`, code, message)
}

func jsonError(code, message string) string {
	return fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)
}

func deleteRule(ctx context.Context, p *Provider) error {
	_, err := call(ctx, p.elb.DeleteRule, &elb.DeleteRuleInput{RuleArn: aws.String("arn:aws:elasticloadbalancing:rule")})
	return err
}

func deleteGroup(ctx context.Context, p *Provider) error {
	_, err := call(ctx, p.ec2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: aws.String("sg-1")})
	return err
}

func deleteCertificate(ctx context.Context, p *Provider) error {
	_, err := call(ctx, p.acm.DeleteCertificate, &acm.DeleteCertificateInput{CertificateArn: aws.String("arn:aws:acm:eu-west-1:1:certificate/1")})
	return err
}

func TestErrors(t *testing.T) {
	const encoded = "You are not authorized to perform this operation. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm"
	for _, tc := range []struct {
		reason string
		status int
		body   string
		do     func(context.Context, *Provider) error
		kind   cloud.Kind
		text   string
	}{
		{"what is gone", 400, queryError("RuleNotFound", "One or more rules not found"), deleteRule,
			cloud.NotFound, "DeleteRule: One or more rules not found"},
		{"what is used", 400, queryError("ResourceInUse", "Target group is in use"), deleteRule,
			cloud.Conflict, "DeleteRule: Target group is in use"},
		{"a quota", 400, queryError("TooManyRules", "The maximum number of rules has been reached"), deleteRule,
			cloud.Quota, "DeleteRule: The maximum number of rules has been reached"},
		{"what AWS does not accept", 400, queryError("ValidationError", "'x' is not valid\n  (Request ID: 01234567-89ab)"), deleteRule,
			cloud.Invalid, "DeleteRule: 'x' is not valid"},
		{"elbv2 throttles", 400, queryError("Throttling", "Rate exceeded"), deleteRule, cloud.Throttled, "DeleteRule: Rate exceeded"},
		{"ec2 throttles", 503, ec2Error("RequestLimitExceeded", "Request limit exceeded."), deleteGroup,
			cloud.Throttled, "DeleteSecurityGroup: Request limit exceeded."},
		{"acm throttles", 400, jsonError("ThrottlingException", "Rate exceeded"), deleteCertificate,
			cloud.Throttled, "DeleteCertificate: Rate exceeded"},
		{"a missing permission names no session", 403,
			queryError("AccessDenied", "User: arn:aws:sts::1:assumed-role/r/1732211 is not authorized to perform: x because no identity-based policy allows x"),
			deleteRule, cloud.Denied,
			"DeleteRule: the controller's IAM role may not call elasticloadbalancing:DeleteRule: allow it in the role's policy"},
		{"a deny is told", 403, jsonError("AccessDeniedException", "User: x is not authorized to perform: acm:DeleteCertificate with an explicit deny in a service control policy"),
			deleteCertificate, cloud.Denied, "DeleteCertificate: the controller's IAM role may not call acm:DeleteCertificate, with an explicit deny in a service control policy: " +
				"allow it in the role's policy"},
		{"an encoded message is another each time", 403, ec2Error("UnauthorizedOperation", encoded), deleteGroup, cloud.Denied,
			"DeleteSecurityGroup: the controller's IAM role may not call ec2:DeleteSecurityGroup: allow it in the role's policy"},
		{"a bad key", 403, queryError("InvalidClientTokenId", "The security token included in the request is invalid."), deleteRule,
			cloud.Denied, "DeleteRule: AWS does not accept the controller's credentials (InvalidClientTokenId): give it valid ones"},
		{"an old token", 403, queryError("ExpiredToken", "The security token included in the request is expired"), deleteRule,
			cloud.Unavailable, "DeleteRule: AWS does not accept the controller's credentials (ExpiredToken): give it valid ones"},
		{"a dependency", 400, ec2Error("DependencyViolation", "resource sg-1 has a dependent object"), deleteGroup,
			cloud.Conflict, "DeleteSecurityGroup: resource sg-1 has a dependent object"},
		{"an unknown id of any kind", 400, ec2Error("InvalidThing.NotFound", "no thing"), deleteGroup, cloud.NotFound, "DeleteSecurityGroup: no thing"},
		{"an unknown code of a client's error", 400, queryError("NewInTheWorld", "what?"), deleteRule, cloud.Unknown, "DeleteRule: what?"},
		{"an unknown code of the server's", 502, queryError("NewInTheWorld", ""), deleteRule, cloud.Unavailable, "DeleteRule: AWS answered NewInTheWorld"},
		{"no words of the API at all", 200, "<html>", deleteRule, cloud.Unknown, "DeleteRule: the answer of AWS is not understood"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			p := providerOf(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			})
			err := tc.do(t.Context(), p)
			var e *cloud.Error
			if !errors.As(err, &e) {
				t.Fatalf("want a *cloud.Error, got %T %v", err, err)
			}
			if e.Kind != tc.kind {
				t.Errorf("want kind %v, got %v", tc.kind, e.Kind)
			}
			// A node comes before the text in Error only where there is one.
			if diff := cmp.Diff(tc.text, e.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	p := providerOf(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	err := deleteRule(t.Context(), p)
	if want := "DeleteRule: AWS closed the connection without an answer"; cloud.KindOf(err) != cloud.Unavailable || err.Error() != want {
		t.Errorf("want %v %q, got %v %q", cloud.Unavailable, want, cloud.KindOf(err), err)
	}
	s := httptest.NewServer(nil)
	s.Close()
	err = deleteRule(t.Context(), providerAt(t, s.URL, credentials.NewStaticCredentialsProvider("a", "b", "")))
	if want := "DeleteRule: AWS cannot be reached: connection refused"; cloud.KindOf(err) != cloud.Unavailable || err.Error() != want {
		t.Errorf("want %v %q, got %v %q", cloud.Unavailable, want, cloud.KindOf(err), err)
	}
}

func TestNoCredentials(t *testing.T) {
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found, canceled at 12:00")
	})
	err := deleteRule(t.Context(), providerAt(t, "http://127.0.0.1:1", none))
	if cloud.KindOf(err) != cloud.Denied || !strings.Contains(err.Error(), "no AWS credentials are found") || strings.Contains(err.Error(), "12:00") {
		t.Errorf("got %v %v", cloud.KindOf(err), err)
	}
}

func TestCallOutsideTheListIsNotMade(t *testing.T) {
	p := providerOf(t, func(http.ResponseWriter, *http.Request) { t.Error("the call was made") })
	_, err := call(t.Context(), p.elb.ModifyTrustStore, &elb.ModifyTrustStoreInput{TrustStoreArn: aws.String("a")})
	if cloud.KindOf(err) != cloud.Invalid {
		t.Errorf("got %v", err)
	}
}
