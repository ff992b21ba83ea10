package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// Credentials come by the SDK's default chain: environment, shared files, IRSA, Pod Identity, the instance. This file is what the chain leaves
// open.

// stsAt has the chain ask an endpoint for the credentials of roles too. By itself it does not where AWS_ENDPOINT_URL is set as well.
func stsAt(endpoint string) []func(*config.LoadOptions) error {
	moved := func(c *sts.Client) *sts.Client {
		return sts.New(c.Options(), func(o *sts.Options) { o.BaseEndpoint = &endpoint })
	}
	return []func(*config.LoadOptions) error{
		config.WithWebIdentityRoleCredentialOptions(func(o *stscreds.WebIdentityRoleOptions) {
			if c, ok := o.Client.(*sts.Client); ok { // it is asked once before there is one
				o.Client = moved(c)
			}
		}),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
			if c, ok := o.Client.(*sts.Client); ok {
				o.Client = moved(c)
			}
		}),
	}
}

// renewal forgets credentials that AWS says have expired, so that the next call fetches others. The chain itself keeps them for as long as they
// were to last by the clock of this machine.
type renewal struct {
	cache *aws.CredentialsCache // nil: nothing is fetched
}

func renew(credentials aws.CredentialsProvider) renewal {
	cache, _ := credentials.(*aws.CredentialsCache)
	return renewal{cache}
}

func (r renewal) install(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("CloudgateRenewal", r.handle), middleware.After)
}

func (r renewal) handle(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleInitialize(ctx, in)
	if r.cache != nil && isExpired(err) {
		r.cache.Invalidate()
	}
	return out, metadata, err
}
