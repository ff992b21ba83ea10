package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/sigv4"
)

// words are the codes by which a family of services tells of what is common to all actions.
type words struct {
	unknownAction func(action, version string) codec.Fault
	noSignature   codec.Fault
	badSignature  codec.Fault // the message says more
	badKey        codec.Fault
	expiredToken  codec.Fault
	expired       string // code where the signature's time has passed
	throttled     codec.Fault
	unavailable   codec.Fault
	internal      codec.Fault
	tooLarge      codec.Fault
}

const (
	badSignatureText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	badTokenText     = "The security token included in the request is invalid."
	oldTokenText     = "The security token included in the request is expired"
	noSignatureText  = "Request is missing Authentication Token"
	internalText     = "The request processing has failed because of an unknown error, exception or failure."
	unavailableText  = "Service is unavailable"
)

var queryWords = words{
	unknownAction: func(action, version string) codec.Fault {
		return codec.Fault{Code: "InvalidAction", Message: fmt.Sprintf("Could not find operation %s for version %s", action, version), Status: 400}
	},
	noSignature:  codec.Fault{Code: "MissingAuthenticationToken", Message: noSignatureText, Status: 403},
	badSignature: codec.Fault{Code: "SignatureDoesNotMatch", Message: badSignatureText, Status: 403},
	badKey:       codec.Fault{Code: "InvalidClientTokenId", Message: badTokenText, Status: 403},
	expiredToken: codec.Fault{Code: "ExpiredToken", Message: oldTokenText, Status: 403},
	expired:      "SignatureDoesNotMatch",
	throttled:    codec.Fault{Code: "Throttling", Message: "Rate exceeded", Status: 400},
	unavailable:  codec.Fault{Code: "ServiceUnavailable", Message: unavailableText, Status: 503},
	internal:     codec.Fault{Code: "InternalFailure", Message: internalText, Status: 500},
	tooLarge:     codec.Fault{Code: "RequestEntityTooLarge", Message: "The request is too large", Status: 413},
}

var ec2Words = words{
	unknownAction: func(action, _ string) codec.Fault {
		return codec.Fault{Code: "InvalidAction", Message: fmt.Sprintf("The action %s is not valid for this web service.", action), Status: 400}
	},
	noSignature:  codec.Fault{Code: "MissingAuthenticationToken", Message: noSignatureText, Status: 403},
	badSignature: codec.Fault{Code: "SignatureDoesNotMatch", Message: badSignatureText, Status: 403},
	badKey:       codec.Fault{Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials", Status: 401},
	expiredToken: codec.Fault{Code: "RequestExpired", Message: "Request has expired.", Status: 400},
	expired:      "RequestExpired",
	throttled:    codec.Fault{Code: "RequestLimitExceeded", Message: "Request limit exceeded.", Status: 503},
	unavailable:  codec.Fault{Code: "Unavailable", Message: "The service is unavailable. Please try again shortly.", Status: 503},
	internal:     codec.Fault{Code: "InternalError", Message: "An internal error has occurred", Status: 500},
	tooLarge:     codec.Fault{Code: "RequestEntityTooLarge", Message: "The request is too large", Status: 413},
}

var jsonWords = words{
	unknownAction: func(string, string) codec.Fault {
		return codec.Fault{Code: "UnknownOperationException", Status: 400}
	},
	noSignature:  codec.Fault{Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token", Status: 400},
	badSignature: codec.Fault{Code: "InvalidSignatureException", Message: badSignatureText, Status: 400},
	badKey:       codec.Fault{Code: "UnrecognizedClientException", Message: badTokenText, Status: 400},
	expiredToken: codec.Fault{Code: "ExpiredTokenException", Message: oldTokenText, Status: 400},
	expired:      "InvalidSignatureException",
	throttled:    codec.Fault{Code: "ThrottlingException", Message: "Rate exceeded", Status: 400},
	unavailable:  codec.Fault{Code: "ServiceUnavailableException", Message: unavailableText, Status: 503},
	internal:     codec.Fault{Code: "InternalFailure", Message: internalText, Status: 500},
	tooLarge:     codec.Fault{Code: "RequestEntityTooLargeException", Message: "The request is too large", Status: 413},
}

// signature tells what is wrong with a signature.
func (w words) signature(err error, signed *sigv4.Signature, now time.Time) codec.Fault {
	f := w.badSignature
	switch {
	case errors.Is(err, sigv4.ErrMissing):
		return w.noSignature
	case errors.Is(err, sigv4.ErrIncomplete):
		f = codec.Fault{Code: "IncompleteSignature", Message: err.Error(), Status: http.StatusBadRequest}
	case errors.Is(err, sigv4.ErrExpired):
		f.Code = w.expired
		f.Message = fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)", stamp(signed.Time), stamp(now.Add(-sigv4.Skew)), stamp(now))
	case errors.Is(err, sigv4.ErrEarly):
		f.Code = w.expired
		f.Message = fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)", stamp(signed.Time), stamp(now.Add(sigv4.Skew)), stamp(now))
	}
	return f
}

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
