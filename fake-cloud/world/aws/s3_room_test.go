package aws

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// sizes is what the objects of a region are, counted one by one.
func (a *account) sizes() int {
	sum := 0
	for _, o := range a.objects.all() {
		sum += o.size()
	}
	return sum
}

// TestObjectsWithoutContentNeedRoom: keys, metadata, headers and tags are kept in memory as contents are, in whatever region.
func TestObjectsWithoutContentNeedRoom(t *testing.T) {
	for name, fill := range map[string]func(*s3.PutObjectInput){
		"nothing":  func(*s3.PutObjectInput) {},
		"key":      func(in *s3.PutObjectInput) { in.Key = aws.String(*in.Key + strings.Repeat("k", 1000)) },
		"metadata": func(in *s3.PutObjectInput) { in.Metadata = map[string]string{"m": strings.Repeat("v", 2000)} },
		"type":     func(in *s3.PutObjectInput) { in.ContentType = aws.String(strings.Repeat("t", 2000)) },
		"header":   func(in *s3.PutObjectInput) { in.CacheControl = aws.String(strings.Repeat("h", 2000)) },
		"tags":     func(in *s3.PutObjectInput) { in.Tagging = aws.String("t=" + strings.Repeat("v", 200)) },
	} {
		a := accountFor(t, func(c *Config) { c.Quotas = map[string]int{"s3-megabytes": 1} })
		a.bucket("one")
		var err error
		n := 0
		for ; err == nil && n < 3000; n++ {
			in := &s3.PutObjectInput{Bucket: aws.String("one"), Key: aws.String(fmt.Sprint(n))}
			fill(in)
			_, err = a.PutObject(t.Context(), in)
		}
		if !isFault(err, "EntityTooLarge") {
			t.Errorf("%s: want no room after %d objects without content, got %v", name, n, err)
		}
		if got, want := a.objects.sum, a.sizes(); got != want || got > 1<<20 {
			t.Errorf("%s: want the objects that were kept counted, %d and no more than a megabyte, got %d", name, want, got)
		}
	}
}

// TestRoomOfObjectsComesBack when they are replaced, deleted or lose their tags, and is counted anew after a restart.
func TestRoomOfObjectsComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aws.db")
	config := func(c *Config) { c.Path, c.Quotas = path, map[string]int{"s3-megabytes": 1} }
	a := accountFor(t, config)
	a.bucket("one")
	big := strings.Repeat("x", 900<<10)
	for range 3 {
		a.object("one", "big", big)
	}
	a.object("one", "other", "y")
	refused(a, "EntityTooLarge", a.PutObject, &s3.PutObjectInput{Bucket: aws.String("one"), Key: aws.String("other"), Body: strings.NewReader(big)})
	if got := a.objects.rows["one/other"]; string(got.Content) != "y" {
		t.Errorf("want what was there to stay, got %d bytes", len(got.Content))
	}
	do(a, a.PutObjectTagging, &s3.PutObjectTaggingInput{
		Bucket: aws.String("one"), Key: aws.String("other"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}},
	})
	if got, want := a.objects.sum, a.sizes(); got != want {
		t.Errorf("want %d, got %d", want, got)
	}
	if err := a.Cloud().Close(); err != nil {
		t.Fatal(err)
	}
	a = accountFor(t, config)
	if got, want := a.objects.sum, a.sizes(); got != want || got < len(big) {
		t.Errorf("want %d after a restart, got %d", want, got)
	}
	elsewhere := a.at("eu-central-1")
	elsewhere.bucket("two")
	put := &s3.PutObjectInput{Bucket: aws.String("two"), Key: aws.String("big"), Body: strings.NewReader(big)}
	refused(elsewhere, "EntityTooLarge", elsewhere.PutObject, put)
	do(a, a.DeleteObject, &s3.DeleteObjectInput{Bucket: aws.String("one"), Key: aws.String("big")})
	put.Body = strings.NewReader(big)
	do(elsewhere, elsewhere.PutObject, put)
	do(a, a.DeleteObject, &s3.DeleteObjectInput{Bucket: aws.String("one"), Key: aws.String("other")})
	if a.objects.sum != 0 {
		t.Errorf("want nothing left, got %d", a.objects.sum)
	}
}
