package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// publicKey is of nobody: it was made for this test.
const publicKey = `{"kty":"EC","crv":"P-256","kid":"one","alg":"ES256","use":"sig",
	"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`

func TestIdentityFile(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "identities.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := `[{"issuer":"https://oidc.example.com","audiences":["sts.amazonaws.com"],"jwks":{"keys":[` + publicKey + `]},
		"roles":[{"arn":"arn:aws:iam::123456789012:role/cloudgate","subjects":["system:serviceaccount:a:*"]}]}]`
	p := begin(t, "--state", "memory", "--address-pool", ownPool(), "--aws-identity-file", write(good))
	items := p.must(t, 200, "GET", "/admin/v1/aws/identity-providers", nil)["items"].([]any)
	if len(items) != 1 || items[0].(obj)["issuer"] != "https://oidc.example.com" {
		t.Errorf("want the issuer of the file, got %v", items)
	}

	for _, c := range []struct{ name, text, want string }{
		{"no list", `{}`, "is not a list of identity providers"},
		{"a field that is unknown", strings.Replace(good, "audiences", "audience", 1), "is not a list of identity providers"},
		{"two lists", good + good, "there is more after the list"},
	} {
		f := awsFlags{vpcCIDR: "172.31.0.0/16", identityFile: write(c.text)}
		if _, err := f.config(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "--aws-identity-file: ") {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
	}
	f := awsFlags{vpcCIDR: "172.31.0.0/16", identityFile: filepath.Join(t.TempDir(), "none")}
	if _, err := f.config(); err == nil {
		t.Error("want a file refused that is not there")
	}
}
