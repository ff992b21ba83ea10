package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// signed returns a request as the SDK signs it.
func signed(t *testing.T, method, url, body string, key aws.Credentials) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Some", "  a   value ")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), key, r, hex.EncodeToString(hash[:]), "ec2", "eu-west-1", at); err != nil {
		t.Fatal(err)
	}
	r.Host = r.URL.Host // as a server has it
	return r
}

func TestTheSDKsSignatures(t *testing.T) {
	key := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "a token"}
	for name, r := range map[string]*http.Request{
		"post":  signed(t, "POST", "http://127.0.0.1:1234/", "Action=A&B=c d", key),
		"query": signed(t, "GET", "http://example.com/a%20b/c?z=1&a=%2F+%20*&a=2&empty=", "", key),
	} {
		body := ""
		if name == "post" {
			body = "Action=A&B=c d"
		}
		s, err := Parse(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.AccessKey != "AKID" || s.Region != "eu-west-1" || s.Service != "ec2" || s.Token != "a token" {
			t.Errorf("%s: got %+v", name, s)
		}
		for _, c := range []struct {
			name   string
			secret string
			body   string
			now    time.Time
			want   error
		}{
			{"as it is", "secret", body, at.Add(Skew), nil},
			{"another secret", "other", body, at, ErrMismatch},
			{"another body", "secret", body + "x", at, ErrMismatch},
			{"late", "secret", body, at.Add(Skew + time.Second), ErrExpired},
			{"early", "secret", body, at.Add(-Skew - time.Second), ErrEarly},
		} {
			if err := s.Verify(r, []byte(c.body), c.secret, c.now); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: want %v, got %v", name, c.name, c.want, err)
			}
		}
		r.Header.Set("X-Some", "another value")
		if err := s.Verify(r, []byte(body), "secret", at); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: a signed header was changed: got %v", name, err)
		}
	}
}

func TestPresigned(t *testing.T) {
	r, err := http.NewRequest("GET", "http://sts.example.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=600", nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	key := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}
	uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), key, r, hex.EncodeToString(empty[:]), "sts", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	r, err = http.NewRequest("GET", uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = r.URL.Host
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, nil, "secret", at.Add(10*time.Minute)); err != nil {
		t.Errorf("got %v", err)
	}
	if err := s.Verify(r, nil, "secret", at.Add(11*time.Minute)); !errors.Is(err, ErrExpired) {
		t.Errorf("want %v, got %v", ErrExpired, err)
	}
	if err := s.Verify(r, nil, "other", at); !errors.Is(err, ErrMismatch) {
		t.Errorf("want %v, got %v", ErrMismatch, err)
	}
}

func TestBadSignatures(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20260304/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab"
	for name, c := range map[string]struct {
		authorization, date string
		want                error
	}{
		"none":          {"", "", ErrMissing},
		"bearer":        {"Bearer x", "", ErrIncomplete},
		"scope":         {strings.Replace(good, "/ec2/", "/", 1), "20260304T050607Z", ErrIncomplete},
		"no signature":  {strings.Replace(good, "Signature=ab", "", 1), "20260304T050607Z", ErrIncomplete},
		"no host":       {strings.Replace(good, "host;", "", 1), "20260304T050607Z", ErrIncomplete},
		"no date":       {good, "", ErrIncomplete},
		"another day":   {good, "20260305T050607Z", ErrIncomplete},
		"well formed":   {good, "20260304T050607Z", nil},
		"without space": {strings.ReplaceAll(good, ", ", ","), "20260304T050607Z", nil},
	} {
		r, err := http.NewRequest("POST", "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		r.Header.Set("X-Amz-Date", c.date)
		if _, err := Parse(r); !errors.Is(err, c.want) {
			t.Errorf("%s: want %v, got %v", name, c.want, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260304/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=ab", "20260304T050607Z", "a=b")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r, err := http.NewRequest("POST", "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", date)
		r.URL.RawQuery = query
		if s, err := Parse(r); err == nil && s.Verify(r, nil, "secret", at) == nil {
			t.Errorf("a signature was made up: %s", authorization)
		}
	})
}
