package codec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

// s3Service is the SDK's client of S3, which puts buckets into hosts.
func s3Service() service {
	sdk := &transport{}
	client := s3.New(s3.Options{
		Region: "us-east-1", HTTPClient: sdk, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
		}),
	})
	return service{"s3", S3{}, reflect.ValueOf(client), sdk, nil}
}

// TestS3RequestSnapshots decodes the requests that the SDK's own tests compare with, and lets the SDK send what was decoded: it has to be
// the same request.
func TestS3RequestSnapshots(t *testing.T) {
	s := s3Service()
	snapshots := s.snapshots(t)
	for _, action := range S3Actions() {
		snapshot, ok := snapshots[action]
		if !ok {
			t.Errorf("%s: the SDK has no snapshot of it", action)
			continue
		}
		head, rest, _ := strings.Cut(strings.TrimPrefix(snapshot, "\n"), "\n\n")
		header, body, _ := strings.Cut(rest, "\n\n")
		if !strings.Contains(header, ": ") {
			header, body = "", rest
		}
		method, path, _ := strings.Cut(strings.TrimSpace(head), " ")
		r := httptest.NewRequest(method, path, nil)
		if action != "ListBuckets" {
			r.Host = "a-bucket.s3.us-east-1.amazonaws.com"
		}
		for line := range strings.SplitSeq(header, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		if !s.resend(t, action, r, body) {
			continue
		}
		sent := s.sdk.sent
		if sent.Method != method || sent.URL.EscapedPath() != r.URL.EscapedPath() {
			t.Errorf("%s: want %s %s, got %s %s", action, method, r.URL.EscapedPath(), sent.Method, sent.URL.EscapedPath())
		}
		if diff := cmp.Diff(queryOf(r.URL), queryOf(sent.URL)); diff != "" {
			t.Errorf("%s: query (-want +got): %s", action, diff)
		}
		for name, want := range r.Header {
			if diff := cmp.Diff(strings.Join(want, ","), strings.Join(sent.Header.Values(name), ",")); diff != "" && name != "Content-Length" {
				t.Errorf("%s: header %s (-want +got): %s", action, name, diff)
			}
		}
		if !strings.Contains(string(s.sdk.body), strings.TrimSpace(body)) {
			t.Errorf("%s: want the body %s, got %s", action, body, s.sdk.body)
		}
	}
}

// queryOf is a query without the SDK's own name of the action, which it does not always add.
func queryOf(u *url.URL) url.Values {
	q := u.Query()
	q.Del("x-id")
	return q
}

// TestS3Answers encodes outputs with every member, and lets the SDK decode them.
func TestS3Answers(t *testing.T) {
	s := s3Service()
	for _, action := range S3Actions() {
		t.Run(action, func(t *testing.T) {
			input := s.input(action)
			for _, name := range []string{"Bucket", "Key"} {
				if f := input.Elem().FieldByName(name); f.IsValid() {
					f.Set(reflect.ValueOf(aws.String("a-name")))
				}
			}
			want := s.output(action)
			fillS3Output(want.Elem())
			if f := input.Elem().FieldByName("Delete"); f.IsValid() {
				fill(f, map[reflect.Type]int{})
			}
			if f := input.Elem().FieldByName("Tagging"); f.IsValid() && f.Type().Elem().Kind() == reflect.Struct {
				fill(f, map[reflect.Type]int{})
			}
			answer, err := s.protocol.Answer(action, want.Interface(), "an-id")
			if err != nil {
				t.Fatal(err)
			}
			s.sdk.answer = &answer
			got, err := s.call(action, input)
			if err != nil {
				t.Fatalf("the SDK does not understand the answer: %v\n%s", err, answer.Body)
			}
			if f := reflect.ValueOf(got).Elem().FieldByName(s3Raw); f.IsValid() {
				content, err := io.ReadAll(f.Interface().(io.Reader))
				if err != nil || string(content) != "content" {
					t.Errorf("want the content, got %q, %v", content, err)
				}
				f.SetZero()
			}
			if f := want.Elem().FieldByName(s3Raw); f.IsValid() {
				f.SetZero()
			}
			if diff := diffOf(want.Interface(), got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v\n%s", diff, answer.Header, answer.Body)
			}
		})
	}
}

// fillS3Output fills all members but those that a header cannot hold in one way alone.
func fillS3Output(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		switch name := v.Type().Field(i).Name; {
		case !isMember(v.Type().Field(i)), name == "EncodingType" || strings.HasPrefix(name, "Checksum") && f.Kind() == reflect.Pointer: // these the SDK acts on
		case name == s3Raw:
			f.Set(reflect.ValueOf(io.NopCloser(bytes.NewReader([]byte("content")))))
		case name == "Metadata":
			f.Set(reflect.ValueOf(map[string]string{"a-key": "a value"}))
		case name == "ExpiresString":
			f.Set(reflect.ValueOf(aws.String("Wed, 04 Mar 2026 05:06:07 GMT")))
		default:
			fill(f, map[reflect.Type]int{})
		}
	}
}

func TestS3Places(t *testing.T) {
	for request, want := range map[string][2]string{
		"http://127.0.0.1:4566/a.b/c/d":                    {"a.b", "c/d"},
		"http://127.0.0.1:4566/a.b//c%2Fd%20e":             {"a.b", "/c/d e"},
		"http://127.0.0.1:4566/":                           {"", ""},
		"http://127.0.0.1:4566/a.b/":                       {"a.b", ""},
		"http://[::1]:4566/a.b/c":                          {"a.b", "c"},
		"http://a.b.localhost:4566/c":                      {"a.b", "c"},
		"http://localhost:4566/a.b/c":                      {"a.b", "c"},
		"https://s3.eu-west-1.amazonaws.com/a.b/c":         {"a.b", "c"},
		"https://a.b.s3.eu-west-1.amazonaws.com/c":         {"a.b", "c"},
		"https://a.b.s3-eu-west-1.amazonaws.com/c":         {"a.b", "c"},
		"https://a.b.s3.dualstack.us-east-1.amazonaws.com": {"a.b", ""},
	} {
		bucket, key := s3Place(httptest.NewRequest(http.MethodGet, request, nil))
		if got := [2]string{bucket, key}; got != want {
			t.Errorf("%s: want %q, got %q", request, want, got)
		}
	}
}

func TestWhatS3HasAndIsNotServed(t *testing.T) {
	for request, header := range map[string]string{
		"GET /b?acl": "", "PUT /b/k?partNumber=1&uploadId=x": "", "POST /b/k?uploads": "", "PUT /b/k": "X-Amz-Copy-Source", "GET /b": "", "PATCH /b/k": "",
		"POST /b/k": "", "DELETE /": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, path, nil)
		if header != "" {
			r.Header.Set(header, "x")
		}
		if call, err := (S3{}).Read(r, nil); call.Action != "" || err != nil {
			t.Errorf("%s: want no action, got %q, %v", request, call.Action, err)
		}
	}
}

func FuzzS3(f *testing.F) {
	f.Add("POST", "/b?delete", `<Delete><Object><Key>a</Key><Size>1</Size></Object><Quiet>true</Quiet></Delete>`)
	f.Add("PUT", "/b/k?tagging", `<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`)
	f.Add("PUT", "/b", `<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`)
	s := s3Service()
	f.Fuzz(func(t *testing.T, method, target, body string) {
		u, err := url.Parse(target)
		if err != nil {
			t.Skip()
		}
		call, err := S3{}.Read(&http.Request{Method: method, URL: u, Header: http.Header{}}, []byte(body))
		if err != nil || call.Action == "" {
			return
		}
		if err := call.Input(s.input(call.Action).Interface()); err != nil {
			var fault *Fault
			if !errors.As(err, &fault) {
				t.Errorf("want a fault, got %v", err)
			}
		}
	})
}
