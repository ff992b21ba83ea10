package awsapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/sigv4"
)

// What is S3's alone: requests for it are known by their form, bodies come in chunks, and answers to HEAD have none.

// maxObject is how long the body of a request to S3 may be: an object of 16 MiB in chunks.
const maxObject = 17 << 20

const contentSHA256 = "X-Amz-Content-Sha256"

func (s *service) isS3() bool { return s.iam == "s3" }

// looksLikeS3 tells whether a request that nobody signed can be for S3 alone: the other services are called at the path "/".
func looksLikeS3(r *http.Request) bool {
	return r.URL.Path != "/" && r.URL.Path != "" || codec.S3Host(r.Host) != ""
}

// unchunk takes the framing off a body, and puts the headers that follow it to the others.
func (c *call) unchunk() *codec.Fault {
	said := c.r.Header.Get(contentSHA256)
	switch said {
	case sigv4.Streaming, sigv4.StreamingTrailer, sigv4.StreamingUnsignedTrailer:
	default:
		if strings.HasPrefix(said, "STREAMING-") {
			return &codec.Fault{Code: "NotImplemented", Message: "The framing of the body is not implemented", Status: http.StatusNotImplemented}
		}
		return nil
	}
	chunks, err := sigv4.ReadChunks(c.body, said)
	if err != nil {
		return &codec.Fault{Code: "IncompleteBody", Message: "The request body terminated unexpectedly", Status: http.StatusBadRequest}
	}
	if length := c.r.Header.Get("X-Amz-Decoded-Content-Length"); length != strconv.Itoa(len(chunks.Payload)) {
		return &codec.Fault{Code: "IncompleteBody", Message: "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header",
			Status: http.StatusBadRequest}
	}
	announced := strings.Split(strings.ToLower(strings.ReplaceAll(c.r.Header.Get("X-Amz-Trailer"), " ", "")), ",")
	for name, values := range chunks.Trailer {
		if !slices.Contains(announced, strings.ToLower(name)) {
			return &codec.Fault{Code: "MalformedTrailerError", Message: "The request contained trailing data that was not well-formed or did not conform to our published schema.",
				Status: http.StatusBadRequest}
		}
		c.r.Header[http.CanonicalHeaderKey(name)] = values
	}
	c.chunks, c.body = chunks, chunks.Payload
	return nil
}

var s3Words = words{
	unknownAction: func(string, string) codec.Fault {
		return codec.Fault{Code: "NotImplemented", Message: "A header you provided implies functionality that is not implemented", Status: http.StatusNotImplemented}
	},
	noSignature:  codec.Fault{Code: "AccessDenied", Message: "Access Denied", Status: 403},
	badSignature: codec.Fault{Code: "SignatureDoesNotMatch", Message: badSignatureText, Status: 403},
	badKey:       codec.Fault{Code: "InvalidAccessKeyId", Message: "The AWS Access Key Id you provided does not exist in our records.", Status: 403},
	expiredToken: codec.Fault{Code: "ExpiredToken", Message: "The provided token has expired.", Status: 400},
	expired:      "RequestTimeTooSkewed",
	throttled:    codec.Fault{Code: "SlowDown", Message: "Please reduce your request rate.", Status: 503},
	unavailable:  codec.Fault{Code: "ServiceUnavailable", Message: "Please reduce your request rate.", Status: 503},
	internal:     codec.Fault{Code: "InternalError", Message: "We encountered an internal error. Please try again.", Status: 500},
	tooLarge:     codec.Fault{Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed size", Status: 400},
}
