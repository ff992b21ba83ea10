// Package sigv4 reads and verifies AWS's signatures, version 4: in the header Authorization, or in the query of a presigned request. It
// knows neither whose keys there are nor what a request asks for.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Skew is how far a request's time may be from the verifier's, and so how long one without an expiry of its own is good.
const Skew = 5 * time.Minute

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeLayout = "20060102T150405Z"
	maxExpires = 7 * 24 * time.Hour
)

// Why a signature is refused.
var (
	ErrMissing    = errors.New("the request is not signed")
	ErrIncomplete = errors.New("the signature is not complete")
	ErrMismatch   = errors.New("the signature is not that of the request with this key")
	ErrExpired    = errors.New("the signature has expired")
	ErrEarly      = errors.New("the signature is of a time to come")
)

// Signature is what a request says of who signed it.
type Signature struct {
	AccessKey string
	Region    string
	Service   string
	Token     string // of a session; empty without one
	Time      time.Time

	date      string
	headers   []string
	signature string
	expires   time.Duration // zero where it is not presigned
	presigned bool
}

// Parse reads the signature of a request. The error is ErrMissing, or wraps ErrIncomplete.
func Parse(r *http.Request) (*Signature, error) {
	if r.URL.Query().Get("X-Amz-Algorithm") != "" {
		return parseQuery(r.URL.Query())
	}
	return parseHeader(r.Header)
}

func parseHeader(h http.Header) (*Signature, error) {
	authorization := h.Get("Authorization")
	if authorization == "" {
		return nil, ErrMissing
	}
	scheme, rest, _ := strings.Cut(authorization, " ")
	if scheme != algorithm {
		return nil, fmt.Errorf("%w: the algorithm has to be %s", ErrIncomplete, algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	s := &Signature{Token: h.Get("X-Amz-Security-Token")}
	date := h.Get("X-Amz-Date")
	if date == "" {
		date = h.Get("Date")
	}
	return s, s.complete(fields["Credential"], fields["SignedHeaders"], fields["Signature"], date)
}

func parseQuery(q url.Values) (*Signature, error) {
	if q.Get("X-Amz-Algorithm") != algorithm {
		return nil, fmt.Errorf("%w: the algorithm has to be %s", ErrIncomplete, algorithm)
	}
	s := &Signature{Token: q.Get("X-Amz-Security-Token"), presigned: true}
	if text := q.Get("X-Amz-Expires"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > int(maxExpires/time.Second) {
			return nil, fmt.Errorf("%w: X-Amz-Expires", ErrIncomplete)
		}
		s.expires = time.Duration(seconds) * time.Second
	}
	return s, s.complete(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"), q.Get("X-Amz-Date"))
}

func (s *Signature) complete(credential, headers, signature, date string) error {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[0] == "" || scope[4] != "aws4_request" {
		return fmt.Errorf("%w: Credential", ErrIncomplete)
	}
	s.AccessKey, s.date, s.Region, s.Service = scope[0], scope[1], scope[2], scope[3]
	if headers == "" || signature == "" {
		return fmt.Errorf("%w: SignedHeaders and Signature have to be there", ErrIncomplete)
	}
	s.headers, s.signature = strings.Split(headers, ";"), signature
	if !slices.Contains(s.headers, "host") {
		return fmt.Errorf("%w: 'Host' has to be a signed header", ErrIncomplete)
	}
	at, err := time.Parse(timeLayout, date)
	if err != nil {
		return fmt.Errorf("%w: the date", ErrIncomplete)
	}
	if s.Time = at; at.Format("20060102") != s.date {
		return fmt.Errorf("%w: the date is not that of the credential", ErrIncomplete)
	}
	return nil
}

// Verify says whether the request, with its body, was signed with the secret at about now. The error wraps ErrMismatch, ErrExpired or
// ErrEarly.
func (s *Signature) Verify(r *http.Request, body []byte, secret string, now time.Time) error {
	good := Skew
	if s.expires > 0 {
		good = s.expires
	}
	if s.Time.Add(good).Before(now) {
		return ErrExpired
	}
	if s.Time.Add(-Skew).After(now) {
		return ErrEarly
	}
	want, err := hex.DecodeString(s.signature)
	if err != nil {
		return ErrMismatch
	}
	payload, err := s.payload(r, body)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, s.sign(s.canonical(r, payload), secret)) != 1 {
		return ErrMismatch
	}
	return nil
}

// payload is what stands for the body in the form that is signed: its hash, or in S3 what says that there is none.
func (s *Signature) payload(r *http.Request, body []byte) (string, error) {
	said := r.Header.Get("X-Amz-Content-Sha256")
	if s.Service == serviceS3 {
		switch {
		case said == "" && s.presigned:
			return Unsigned, nil
		case said == "":
			return "", fmt.Errorf("%w: X-Amz-Content-Sha256 has to be there", ErrIncomplete)
		case said == Unsigned, said == Streaming, said == StreamingTrailer, said == StreamingUnsignedTrailer:
			return said, nil
		}
	}
	hash := sha256.Sum256(body)
	payload := hex.EncodeToString(hash[:])
	if said != "" && said != payload {
		return "", fmt.Errorf("%w: X-Amz-Content-Sha256 is not the hash of the body", ErrMismatch)
	}
	return payload, nil
}

// serviceS3 signs paths as they are, and lets bodies go unsigned.
const serviceS3 = "s3"

// sign is the signature of a canonical request.
func (s *Signature) sign(canonical, secret string) []byte {
	hash := sha256.Sum256([]byte(canonical))
	return s.hash(strings.Join([]string{algorithm, s.Time.Format(timeLayout), s.scope(), hex.EncodeToString(hash[:])}, "\n"), secret)
}

// scope is what a signature is good for.
func (s *Signature) scope() string {
	return strings.Join([]string{s.date, s.Region, s.Service, "aws4_request"}, "/")
}

// hash signs a text with the key that the secret makes for the scope.
func (s *Signature) hash(text, secret string) []byte {
	key := mac([]byte("AWS4"+secret), s.date)
	for _, part := range []string{s.Region, s.Service, "aws4_request", text} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonical is the request in the form that is signed.
func (s *Signature) canonical(r *http.Request, payload string) string {
	var b strings.Builder
	path := r.URL.EscapedPath()
	if s.Service == serviceS3 {
		path = r.URL.Path
	}
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + escape(path, true) + "\n" + s.query(r.URL.Query()) + "\n")
	for _, name := range s.headers {
		b.WriteString(name + ":" + header(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + payload)
	return b.String()
}

// query is the query in the form that is signed: sorted, and without the signature itself.
func (s *Signature) query(q url.Values) string {
	var pairs []string
	for name, values := range q {
		if s.presigned && name == "X-Amz-Signature" {
			continue
		}
		for _, v := range values {
			pairs = append(pairs, escape(name, false)+"="+escape(v, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// header is the value of a header as it is signed. Go keeps some outside of the others.
func header(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

// escape is AWS's own way to write what is not unreserved. In a path the slashes stay.
func escape(text string, slashes bool) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, slashes && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
