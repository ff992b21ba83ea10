package codec

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestRequestSnapshots decodes every request that the SDK's own tests compare with, and lets the SDK send what was decoded: it has to be
// the same request.
func TestRequestSnapshots(t *testing.T) {
	for _, s := range services() {
		t.Run(s.module, func(t *testing.T) {
			snapshots := s.snapshots(t)
			for _, action := range s.actions() {
				snapshot, ok := snapshots[action]
				if !ok {
					t.Errorf("%s: the SDK has no snapshot of it", action)
					continue
				}
				head, body, _ := strings.Cut(snapshot, "\n\n")
				header, body, _ := strings.Cut(body, "\n\n")
				method, path, _ := strings.Cut(head, " ")
				r := httptest.NewRequest(method, path, nil)
				for line := range strings.SplitSeq(header, "\n") {
					name, value, _ := strings.Cut(line, ": ")
					r.Header.Set(name, value)
				}
				if !s.resend(t, action, r, body) {
					continue
				}
				if diff := cmp.Diff(meaning(t, s, body), meaning(t, s, string(s.sdk.body))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", action, diff)
				}
			}
		})
	}
}

// meaning is a body without the order of what is in it.
func meaning(t *testing.T, s service, body string) any {
	t.Helper()
	if _, ok := s.protocol.(JSON); ok {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	v, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRequests lets the SDK send inputs with every member, and decodes them.
func TestRequests(t *testing.T) {
	for _, s := range services() {
		t.Run(s.module, func(t *testing.T) {
			for _, action := range s.actions() {
				want := s.input(action)
				fill(want.Elem(), map[reflect.Type]int{})
				if _, err := s.call(action, want); !errors.Is(err, errNoAnswer) {
					t.Errorf("%s: %v", action, err)
					continue
				}
				call, err := s.protocol.Read(s.sdk.sent, s.sdk.body)
				if err != nil {
					t.Errorf("%s: %v", action, err)
					continue
				}
				got := s.input(action)
				if err := call.Input(got.Interface()); err != nil {
					t.Errorf("%s: %v", action, err)
				}
				if diff := diffOf(want.Interface(), got.Interface()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", action, diff)
				}
			}
		})
	}
}

// TestAnswers encodes outputs with every member, and lets the SDK decode them.
func TestAnswers(t *testing.T) {
	for _, s := range services() {
		t.Run(s.module, func(t *testing.T) {
			for _, action := range s.actions() {
				input := s.input(action)
				fill(input.Elem(), map[reflect.Type]int{})
				want := s.output(action)
				fill(want.Elem(), map[reflect.Type]int{})
				answer, err := s.protocol.Answer(action, want.Interface(), "an-id")
				if err != nil {
					t.Errorf("%s: %v", action, err)
					continue
				}
				s.sdk.answer = &answer
				got, err := s.call(action, input)
				if err != nil {
					t.Errorf("%s: the SDK does not understand the answer: %v\n%s", action, err, answer.Body)
					continue
				}
				if diff := diffOf(want.Interface(), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s\n%s", action, diff, answer.Body)
				}
			}
		})
	}
}

// diffOf compares inputs or outputs of the SDK by their members.
func diffOf(want, got any) string {
	return cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ResultMetadata" }, cmp.Ignore()),
		cmp.FilterPath(func(p cmp.Path) bool {
			return strings.HasPrefix(strings.TrimPrefix(p.Last().String(), "."), "noSmithyDocumentSerde")
		}, cmp.Ignore()), cmpopts.EquateEmpty())
}

// TestEmptyAnswers: what a client lists is there, also when there is nothing.
func TestEmptyAnswers(t *testing.T) {
	for _, s := range services() {
		for action, want := range map[string]string{
			"DescribeLoadBalancers": "<LoadBalancers></LoadBalancers>", "DescribeSecurityGroups": "<securityGroupInfo></securityGroupInfo>",
			"ListCertificates": `"CertificateSummaryList":[]`,
		} {
			if !s.client.MethodByName(action).IsValid() {
				continue
			}
			answer, err := s.protocol.Answer(action, s.output(action).Interface(), "an-id")
			if err != nil || !strings.Contains(string(answer.Body), want) {
				t.Errorf("%s: want %s, got %s, %v", action, want, answer.Body, err)
			}
		}
	}
}

// TestRefusals: the SDK finds code and message of an error, and the id of the request.
func TestRefusals(t *testing.T) {
	for _, s := range services() {
		t.Run(s.module, func(t *testing.T) {
			action := s.actions()[0]
			input := s.input(action)
			fill(input.Elem(), map[reflect.Type]int{})
			answer := s.protocol.Refuse(Fault{Code: "Some.Code", Message: `with <"some"> & text`, Status: 400}, "an-id")
			s.sdk.answer = &answer
			_, err := s.call(action, input)
			var got smithy.APIError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if got.ErrorCode() != "Some.Code" || got.ErrorMessage() != `with <"some"> & text` {
				t.Errorf("got code %q, message %q", got.ErrorCode(), got.ErrorMessage())
			}
			if !strings.Contains(err.Error(), "an-id") {
				t.Errorf("the error does not tell the id of the request: %v", err)
			}
		})
	}
}
