package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// acmInvalid is the fault of ACM for input that is not as it has to be.
func acmInvalid(format string, args ...any) *Fault {
	return faultf("ValidationException", format, args...)
}

const acmARNPattern = `arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*`

var acmARN = regexp.MustCompile(`^` + acmARNPattern + `$`)

// needCertificate returns the certificate with the ARN. The lock is held.
func (r *Region) needCertificate(arn *string) (*Certificate, error) {
	name := awssdk.ToString(arn)
	if !acmARN.MatchString(name) || len(name) > 2048 {
		return nil, acmInvalid("1 validation error detected: Value '%s' at 'certificateArn' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: %s", clip(name), acmARNPattern)
	}
	c, ok := r.certificates.get(name)
	if !ok {
		return nil, noCertificate(name, *r.owner())
	}
	return c, nil
}

func noCertificate(arn, account string) error {
	return faultf("ResourceNotFoundException", "Could not find certificate %s in account %s.", arn, account)
}

// acmTags reads tags as a client gives them.
func acmTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key, value := awssdk.ToString(t.Key), awssdk.ToString(t.Value)
		switch {
		case key == "" || utf8.RuneCountInString(key) > 128 || !taggable(key):
			return nil, acmInvalid("Tag key '%s' is not valid: 1 to 128 letters, numbers, spaces and any of _ . : / = + - @", clip(key))
		case utf8.RuneCountInString(value) > 256 || !taggable(value):
			return nil, acmInvalid("The value of tag '%s' is not valid: at most 256 letters, numbers, spaces and any of _ . : / = + - @", clip(key))
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, faultf("InvalidTagException", "Tags that begin with 'aws:' are reserved for AWS")
		}
		if _, twice := tags[key]; twice {
			return nil, faultf("InvalidTagException", "Tag key '%s' was given more than once", clip(key))
		}
		tags[key] = value
	}
	return tags, acmTagCount(tags)
}

func acmTagCount(tags map[string]string) error {
	if len(tags) > maxTags {
		return faultf("TooManyTagsException", "The maximum number of tags for a certificate is %d", maxTags)
	}
	return nil
}

func acmTagSet(tags map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: ptr(key), Value: ptr(tags[key])})
	}
	return out
}

// uuid returns a name that no other resource of the account has, in the form of a UUID.
func (x *tx) uuid() string {
	sum := sha256.Sum256([]byte(x.hex()))
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-4" + s[13:16] + "-a" + s[17:20] + "-" + s[20:]
}
