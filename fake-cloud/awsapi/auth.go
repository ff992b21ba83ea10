package awsapi

import (
	"crypto/subtle"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
)

// unsigned are the actions that nobody signs: they bring a token of somebody else.
var unsigned = map[string]bool{"AssumeRoleWithWebIdentity": true, "AssumeRoleWithSAML": true}

// authenticate verifies the signature of a call. Without keys everybody is let in.
func (a *API) authenticate(c *call, parsed error) *codec.Fault {
	if len(a.cfg.Keys) == 0 || c.service.iam == "sts" && unsigned[c.parsed.Action] {
		return nil
	}
	words, now := c.service.words, a.cfg.Now()
	if parsed != nil {
		f := words.signature(parsed, c.signed, now)
		return &f
	}
	secret, isKey := a.cfg.Keys[c.signed.AccessKey]
	token := ""
	if !isKey && a.cfg.Session != nil {
		session, isSession := a.cfg.Session(c.signed.AccessKey)
		if isSession && !a.cfg.Clock.Now().Before(session.Expires) {
			return &words.expiredToken
		}
		secret, token, isKey = session.Secret, session.Token, isSession
	}
	if !isKey || subtle.ConstantTimeCompare([]byte(token), []byte(c.signed.Token)) != 1 {
		return &words.badKey
	}
	err := c.signed.Verify(c.r, c.body, secret, now)
	if err == nil && c.chunks != nil {
		err = c.signed.VerifyChunks(c.chunks, secret)
	}
	if err != nil {
		f := words.signature(err, c.signed, now)
		return &f
	}
	return nil
}
