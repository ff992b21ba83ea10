package aws_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

const versionMember = "CaCertificatesBundleS3ObjectVersion"

// versioning stands before the fake AWS, whose buckets have no versions, and has each put answer with one. It returns what trust stores are
// then asked to be made of, and gives it to the fake without.
func versioning(t *testing.T, a *account, version string) (p *provider.Provider, asked func() []string) {
	t.Helper()
	_, behind := serve(t, a.cloud, func(*awsapi.Config) {})
	target, err := url.Parse(behind)
	check(t, err)
	var versions []string // written by one call at a time, and read after all
	front := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			body, err := io.ReadAll(r.In.Body)
			if err != nil {
				t.Error(err)
			}
			if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") == "CreateTrustStore" {
				versions = append(versions, form.Get(versionMember))
				form.Del(versionMember)
				body = []byte(form.Encode())
			}
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method == http.MethodPut && version != "" {
				r.Header.Set("X-Amz-Version-Id", version)
			}
			return nil
		},
	}
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	return providerAt(t, server.URL, true), func() []string { return versions }
}

// TestTrustStoreIsMadeOfTheVersionThatWasPut, where the bucket keeps versions, and not of what others put after it.
func TestTrustStoreIsMadeOfTheVersionThatWasPut(t *testing.T) {
	for version, want := range map[string]string{"": "", "null": "", "3HL4kqtJvjVBH40Nrjfkd": "3HL4kqtJvjVBH40Nrjfkd"} {
		a := openAccount(t, nil)
		p, asked := versioning(t, a, version)
		check(t, providertest.NewSession(p, testOwner).Converge(t.Context(), trusting(t, inBucket, authorityOf(t, "one"))))
		if diff := cmp.Diff([]string{want}, asked()); diff != "" {
			t.Errorf("a put that answers with the version %q (-want +got): %s", version, diff)
		}
	}
}
