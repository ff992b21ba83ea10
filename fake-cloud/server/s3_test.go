package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const s3Secret = "the-secret"

// s3Cloud is a fake cloud that verifies signatures, with a bucket.
func s3Cloud(t *testing.T) (*cloud, *s3.Client) {
	c := run(t, Config{AddressPool: ownPrefix(), AWS: AWS{Listen: "127.0.0.1:0", Keys: map[string]string{"AKID": s3Secret}}})
	client := s3.NewFromConfig(c.awsConfig("AKID", s3Secret, ""), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "us-west-2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, client
}

func s3Read(t *testing.T, client *s3.Client, key string) string {
	t.Helper()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: &key, ChecksumMode: s3types.ChecksumModeEnabled})
	if err != nil {
		t.Errorf("%s: %v", key, err)
		return ""
	}
	content, err := io.ReadAll(out.Body)
	if err != nil {
		t.Errorf("%s: %v", key, err)
	}
	return string(content)
}

func TestS3WithTheSDK(t *testing.T) {
	c, client := s3Cloud(t)
	for _, key := range []string{"a", "a/b c", "a//b", "/a", "é+&=%2F", "../a", "a/./b", "a/", "a?b#c"} {
		for _, how := range []func(*s3.Options){
			func(*s3.Options) {}, // a checksum in a header
			func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired },
			func(o *s3.Options) {
				o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
			},
		} {
			in := &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("content of " + key), Metadata: map[string]string{"k": "v"}}
			if _, err := client.PutObject(t.Context(), in, how); err != nil {
				t.Errorf("%q: %v", key, err)
			}
		}
		if got, want := s3Read(t, client, key), "content of "+key; got != want {
			t.Errorf("%q: want %q, got %q", key, want, got)
		}
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: &key})
		if err != nil || *head.ContentLength != int64(len("content of "+key)) || head.Metadata["k"] != "v" {
			t.Errorf("%q: got %+v, %v", key, head, err)
		}
	}
	listed, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bucket")})
	if err != nil || len(listed.Contents) != 9 {
		t.Fatalf("want nine keys, got %+v, %v", listed, err)
	}
	del := &s3types.Delete{}
	for _, o := range listed.Contents {
		del.Objects = append(del.Objects, s3types.ObjectIdentifier{Key: o.Key})
	}
	if out, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String("bucket"), Delete: del}); err != nil || len(out.Deleted) != 9 {
		t.Errorf("want nine deleted, got %+v, %v", out, err)
	}
	for what, want := range map[string]struct {
		code string
		call func(*s3.Client) error
	}{
		"a key that is not there": {"NoSuchKey", func(c *s3.Client) error {
			_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("none")})
			return err
		}},
		"a head of none": {"NotFound", func(c *s3.Client) error {
			_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("none")})
			return err
		}},
		"what is not served": {"NotImplemented", func(c *s3.Client) error {
			_, err := c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String("bucket")})
			return err
		}},
		"parts": {"NotImplemented", func(c *s3.Client) error {
			_, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
			return err
		}},
		"another secret": {"SignatureDoesNotMatch", func(*s3.Client) error {
			_, err := s3.NewFromConfig(c.awsConfig("AKID", "another", ""), func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			return err
		}},
		"another key": {"InvalidAccessKeyId", func(*s3.Client) error {
			_, err := s3.NewFromConfig(c.awsConfig("OTHER", s3Secret, ""), func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			return err
		}},
		"another region": {"PermanentRedirect", func(c *s3.Client) error {
			_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("none")}, func(o *s3.Options) { o.Region = "eu-west-1" })
			return err
		}},
	} {
		if err := want.call(client); awsCode(err) != want.code {
			t.Errorf("%s: want %s, got %v", what, want.code, err)
		}
	}
}

// TestS3HostsOfBuckets: the bucket can be in the host, and is then part of what is signed.
func TestS3HostsOfBuckets(t *testing.T) {
	c, client := s3Cloud(t)
	address := strings.TrimPrefix(c.server.AWSURL(), "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := c.awsConfig("AKID", s3Secret, "")
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String("http://localhost:"+port), &http.Client{Transport: transport}
	hosts := s3.NewFromConfig(cfg)
	if _, err := hosts.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a/b"), Body: strings.NewReader("by host")}); err != nil {
		t.Fatal(err)
	}
	if got := s3Read(t, client, "a/b"); got != "by host" {
		t.Errorf("want what was put, got %q", got)
	}
}

func TestS3Presigned(t *testing.T) {
	_, client := s3Cloud(t)
	sign := s3.NewPresignClient(client)
	put, err := sign.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a b")})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, target, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }() // it has been read
		content, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(content)
	}
	if status, body := send(put.Method, put.URL, "presigned"); status != 200 {
		t.Fatalf("got %d %s", status, body)
	}
	get, err := sign.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a b")})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := send(get.Method, get.URL, ""); status != 200 || body != "presigned" {
		t.Errorf("got %d %s", status, body)
	}
	u, err := url.Parse(get.URL)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := send("GET", strings.Replace(get.URL, "a%20b", "b", 1), ""); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("another key: got %d %s", status, body)
	}
	u.RawQuery = ""
	if status, body := send("GET", u.String(), ""); status != 403 || !strings.Contains(body, "AccessDenied") {
		t.Errorf("without a signature: got %d %s", status, body)
	}
}

// TestS3Chunks sends bodies in the framing of older SDKs, where every chunk is signed, and of newer ones, which are signed or not and have a
// checksum after them.
func TestS3Chunks(t *testing.T) {
	c, client := s3Cloud(t)
	now := time.Now().UTC()
	for _, tc := range []struct {
		reason, kind, trailer string
		spoil                 func(string) string
		want                  string // code of the refusal
	}{
		{"signed", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", nil, ""},
		{"signed, with a checksum", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-checksum-crc32:y/Q5Jg==", nil, ""},
		{"not signed, with a checksum", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32:y/Q5Jg==", nil, ""},
		{"a wrong checksum", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32:AAAAAA==", nil, "BadDigest"},
		{"another content", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", func(b string) string { return strings.Replace(b, "1234", "4321", 1) }, "SignatureDoesNotMatch"},
		{"another checksum", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "x-amz-checksum-crc32:y/Q5Jg==",
			func(b string) string { return strings.Replace(b, "y/Q5Jg==", "AAAAAA==", 1) }, "SignatureDoesNotMatch"},
		{"cut off", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", func(b string) string { return b[:len(b)-110] }, "IncompleteBody"},
		{"a framing that is not known", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "", nil, "NotImplemented"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.server.AWSURL()+"/bucket/chunks", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", tc.kind)
		r.Header.Set("X-Amz-Decoded-Content-Length", "9")
		r.Header.Set("Content-Encoding", "aws-chunked")
		if tc.trailer != "" {
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		}
		if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(),
			aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: s3Secret}, r, tc.kind, "s3", "us-west-2", now); err != nil {
			t.Fatal(err)
		}
		_, seed, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		body := chunked([]string{"12345", "6789", ""}, tc.trailer, seed, now, tc.kind != "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		if tc.spoil != nil {
			body = tc.spoil(body)
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // it has been read
		if err != nil || tc.want == "" && answer.StatusCode != 200 || !strings.Contains(string(text), tc.want) || (tc.want != "") != (answer.StatusCode >= 400) {
			t.Errorf("%s: want %q, got %d %s, %v", tc.reason, tc.want, answer.StatusCode, text, err)
		}
	}
	if got := s3Read(t, client, "chunks"); got != "123456789" {
		t.Errorf("want the nine digits, got %q", got)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("chunks")})
	if err != nil || head.ContentEncoding != nil {
		t.Errorf("the framing is no encoding of the content: got %v, %v", head.ContentEncoding, err)
	}
}

// chunked writes a body as S3's documentation has it, by itself and not by what is tested.
func chunked(pieces []string, trailer, seed string, at time.Time, signed bool) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	day, stamp := at.Format("20060102"), at.Format("20060102T150405Z")
	key := mac(mac(mac(mac([]byte("AWS4"+s3Secret), day), "us-west-2"), "s3"), "aws4_request")
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	sign := func(kind string, hashes ...string) string {
		seed = hex.EncodeToString(mac(key, strings.Join(append([]string{kind, stamp, day + "/us-west-2/s3/aws4_request", seed}, hashes...), "\n")))
		return seed
	}
	var b strings.Builder
	for _, p := range pieces {
		fmt.Fprintf(&b, "%x", len(p))
		if signed {
			b.WriteString(";chunk-signature=" + sign("AWS4-HMAC-SHA256-PAYLOAD", hash(""), hash(p)))
		}
		b.WriteString("\r\n")
		if p != "" {
			b.WriteString(p + "\r\n")
		}
	}
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
		if signed {
			b.WriteString("x-amz-trailer-signature:" + sign("AWS4-HMAC-SHA256-TRAILER", hash(trailer+"\n")) + "\r\n")
		}
	}
	return b.String() + "\r\n"
}
