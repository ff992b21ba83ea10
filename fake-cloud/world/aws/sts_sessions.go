package aws

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// Session is credentials that were given out for a time. IAM is not modelled but for which tokens a role trusts: every role is there, can be
// assumed by every access key, and may do everything.
type Session struct {
	Meta
	Secret, Token string
	RoleID        string // that of the role, a colon, and the session's name
	ARN           string // of the assumed role
	Expires       time.Time
}

// Bounds of the life of a session.
const (
	minSession     = 15 * time.Minute
	maxSession     = 12 * time.Hour
	chainedSession = time.Hour // of a role that is assumed by an assumed role
	defaultSession = time.Hour
	// remembered is how long it is still known of a session that has expired, so that its key is told from one that never was.
	remembered = 12 * time.Hour
)

type callerKey struct{}

// WithCaller tells an action whose access key the call was signed with.
func WithCaller(ctx context.Context, accessKey string) context.Context {
	return context.WithValue(ctx, callerKey{}, accessKey)
}

func callerOf(ctx context.Context) string {
	key, _ := ctx.Value(callerKey{}).(string)
	return key
}

// Session returns what was given out under an access key, for some hours after it has expired too; false where nothing was.
func (c *Cloud) Session(accessKey string) (Session, bool) {
	for _, r := range c.Regions() {
		var found Session
		ok := false
		_ = r.read(func() error {
			if s, has := r.sessions.get(accessKey); has {
				found, ok = *s, true
			}
			return nil
		})
		if ok {
			return found, true
		}
	}
	return Session{}, false
}

// caller returns the session that a call is made with; false where it is made with a key of the account's own.
func (c *Cloud) caller(ctx context.Context) (Session, bool) {
	s, ok := c.Session(callerOf(ctx))
	return s, ok && c.cfg.Clock.Now().Before(s.Expires)
}

// GetCallerIdentity says who calls: an assumed role, or with any other key the account's root.
func (r *Region) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	out := &sts.GetCallerIdentityOutput{Account: r.owner(), UserId: r.owner(), Arn: ptr("arn:" + r.partition() + ":iam::" + *r.owner() + ":root")}
	if s, ok := r.cloud.caller(ctx); ok {
		out.UserId, out.Arn = &s.RoleID, &s.ARN
		out.Account = ptr(strings.Split(s.ARN, ":")[4])
	}
	return out, nil
}

// AssumeRole gives out credentials of a role.
func (r *Region) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	life, err := sessionLife(in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	if _, chained := r.cloud.caller(ctx); chained && life > chainedSession {
		return nil, invalidf("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	s, err := r.newSession(awssdk.ToString(in.RoleArn), awssdk.ToString(in.RoleSessionName), life)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{Credentials: s.credentials(), AssumedRoleUser: s.user(), SourceIdentity: in.SourceIdentity}, nil
}

// AssumeRoleWithWebIdentity gives out credentials of a role to who brings a token of an identity provider that the account trusts.
func (r *Region) AssumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	life, err := sessionLife(in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	claims, err := r.cloud.identify(awssdk.ToString(in.WebIdentityToken), awssdk.ToString(in.RoleArn))
	if err != nil {
		return nil, err
	}
	s, err := r.newSession(awssdk.ToString(in.RoleArn), awssdk.ToString(in.RoleSessionName), life)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: s.credentials(), AssumedRoleUser: s.user(), Provider: &claims.Issuer, SubjectFromWebIdentityToken: &claims.Subject,
	}
	if len(claims.Audience) > 0 {
		out.Audience = &claims.Audience[0]
	}
	return out, nil
}

func sessionLife(seconds *int32) (time.Duration, error) {
	if seconds == nil {
		return defaultSession, nil
	}
	life := time.Duration(*seconds) * time.Second
	if life < minSession || life > maxSession {
		return 0, invalidf("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d",
			*seconds, int(minSession.Seconds()), int(maxSession.Seconds()))
	}
	return life, nil
}

var (
	roleARN         = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]{1,64})$`)
	roleSessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

func (r *Region) newSession(role, name string, life time.Duration) (*Session, error) {
	parts := roleARN.FindStringSubmatch(role)
	if parts == nil {
		return nil, invalidf("%s is invalid", clip(role))
	}
	if !roleSessionName.MatchString(name) {
		return nil, invalidf("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}", clip(name))
	}
	secret, token, key := make([]byte, 30), make([]byte, 300), make([]byte, 10)
	for _, b := range [][]byte{secret, token, key} {
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256([]byte(role))
	s := &Session{
		Secret: base64.StdEncoding.EncodeToString(secret), Token: base64.StdEncoding.EncodeToString(token),
		RoleID: "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17] + ":" + name,
		ARN:    "arn:" + r.partition() + ":sts::" + parts[1] + ":assumed-role/" + parts[2] + "/" + name,
	}
	err := r.write(func(x *tx) error {
		s.Meta = x.meta("ASIA"+base32.StdEncoding.EncodeToString(key), nil, life+remembered)
		s.Expires = x.now.Add(life).Truncate(time.Second)
		r.sessions.put(x, s)
		return nil
	})
	return s, err
}

func (s *Session) credentials() *types.Credentials {
	return &types.Credentials{AccessKeyId: &s.Key, SecretAccessKey: &s.Secret, SessionToken: &s.Token, Expiration: &s.Expires}
}

func (s *Session) user() *types.AssumedRoleUser {
	return &types.AssumedRoleUser{Arn: &s.ARN, AssumedRoleId: &s.RoleID}
}
