package codec

import (
	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// S3 is restXml as S3 has it: the action is in the method, the path, the host and the names in the query.
type S3 struct{}

// S3Version is the version of S3's API, which its requests do not name.
const S3Version = "2006-03-01"

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// s3Operation is an action as a request of HTTP.
type s3Operation struct {
	method string
	level  s3Level
	query  string // the name in the query that tells it from others of the method and level
	body   string // the member of the input that is the body of the request
	root   string // of the document that answers it; empty where there is none
	status int
}

// s3Level is what a request is about.
type s3Level uint8

const (
	s3Account s3Level = iota
	s3Bucket
	s3Object
)

var s3Operations = map[string]s3Operation{
	"ListBuckets":         {http.MethodGet, s3Account, "", "", "ListAllMyBucketsResult", 200},
	"CreateBucket":        {http.MethodPut, s3Bucket, "", "CreateBucketConfiguration", "", 200},
	"HeadBucket":          {http.MethodHead, s3Bucket, "", "", "", 200},
	"DeleteBucket":        {http.MethodDelete, s3Bucket, "", "", "", 204},
	"GetBucketLocation":   {http.MethodGet, s3Bucket, "location", "", "LocationConstraint", 200},
	"ListObjectsV2":       {http.MethodGet, s3Bucket, "list-type", "", "ListBucketResult", 200},
	"DeleteObjects":       {http.MethodPost, s3Bucket, "delete", "Delete", "DeleteResult", 200},
	"PutObject":           {http.MethodPut, s3Object, "", s3Raw, "", 200},
	"GetObject":           {http.MethodGet, s3Object, "", "", "", 200},
	"HeadObject":          {http.MethodHead, s3Object, "", "", "", 200},
	"DeleteObject":        {http.MethodDelete, s3Object, "", "", "", 204},
	"PutObjectTagging":    {http.MethodPut, s3Object, "tagging", "Tagging", "", 200},
	"GetObjectTagging":    {http.MethodGet, s3Object, "tagging", "", "Tagging", 200},
	"DeleteObjectTagging": {http.MethodDelete, s3Object, "tagging", "", "", 204},
}

// s3Raw is the member that is a body without any form.
const s3Raw = "Body"

// s3Subresources are the names in a query by which S3 tells actions apart.
var s3Subresources = strings.Fields(`abac accelerate acl analytics annotation annotations attributes cors delete encryption intelligent-tiering inventory
	legal-hold lifecycle list-type location logging metadataAnnotationTable metadataConfiguration metadataInventoryTable metadataJournalTable
	metadataTable metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock renameObject replication
	requestPayment restore retention select session tagging torrent uploadId uploads versioning versions website`)

// Read implements Protocol. A request for what is not served has no action.
func (S3) Read(r *http.Request, body []byte) (Call, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Call{}, badRequest("InvalidURI", "Couldn't parse the specified URI.")
	}
	bucket, key := s3Place(r)
	level := s3Account
	switch {
	case key != "":
		level = s3Object
	case bucket != "":
		level = s3Bucket
	}
	action, op := s3ActionOf(r, level, query)
	return Call{Action: action, Version: S3Version, input: func(into any) error {
		v := reflect.ValueOf(into).Elem()
		for member, value := range map[string]string{"Bucket": bucket, "Key": key} {
			if f := v.FieldByName(member); f.IsValid() && value != "" {
				f.Set(reflect.ValueOf(&value))
			}
		}
		if err := fillS3(v, r.Header, query); err != nil {
			return err
		}
		return fillS3Body(v, op, body)
	}}, nil
}

// s3ActionOf finds the action of a request, empty where none is served for it.
func s3ActionOf(r *http.Request, level s3Level, query url.Values) (string, s3Operation) {
	sub := ""
	for _, name := range s3Subresources {
		if query.Has(name) {
			sub = name
		}
	}
	if r.Header.Get("X-Amz-Copy-Source") != "" {
		return "", s3Operation{} // another action altogether
	}
	for action, op := range s3Operations {
		if op.method == r.Method && op.level == level && op.query == sub {
			return action, op
		}
	}
	return "", s3Operation{}
}

// s3Place returns the bucket and the key that a request is about: the bucket is the first part of the host, or else of the path.
func s3Place(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket = S3Host(r.Host); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// S3Host returns the bucket that a host names: "a.b" of "a.b.s3.eu-west-1.amazonaws.com" and of "a.b.localhost:4566". Empty where it names
// none.
func S3Host(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	for _, end := range []string{".s3.", ".s3-"} {
		if i := strings.Index(host, end); i > 0 {
			return host[:i]
		}
	}
	bucket, _ := strings.CutSuffix(host, ".localhost")
	if bucket == host {
		return ""
	}
	return bucket
}

// Answer implements Protocol.
func (S3) Answer(action string, output any, requestID string) (Answer, error) {
	op := s3Operations[action]
	answer := Answer{Status: op.status, Header: s3Header(requestID)}
	v := reflect.ValueOf(output).Elem()
	if err := s3Headers(v, op, answer.Header); err != nil {
		return Answer{}, err
	}
	if answer.Header.Get("Content-Range") != "" {
		answer.Status = http.StatusPartialContent
	}
	if f := v.FieldByName(s3Raw); f.IsValid() && !f.IsNil() {
		content := f.Interface().(io.ReadCloser)
		defer func() { _ = content.Close() }() // it has been read
		var err error
		answer.Body, err = io.ReadAll(content)
		return answer, err
	}
	if op.root == "" {
		return answer, nil
	}
	answer.Header.Set("Content-Type", "application/xml")
	w := &xmlWriter{}
	w.WriteString(xml.Header + "<" + op.root + ` xmlns="` + s3Namespace + `">`)
	if f := v.FieldByName(op.root); f.IsValid() { // the document is one value
		_ = xml.EscapeText(w, []byte(f.String())) // a buffer does not fail
	} else if err := w.s3Fields(v, s3ResponseHeaders[s3InXML]); err != nil {
		return Answer{}, err
	}
	w.close(op.root)
	answer.Body = w.Bytes()
	return answer, nil
}

func s3Header(requestID string) http.Header {
	h := http.Header{}
	h.Set("X-Amz-Request-Id", requestID)
	h.Set("X-Amz-Id-2", requestID)
	h.Set("Server", "AmazonS3")
	return h
}

// Refuse implements Protocol.
func (S3) Refuse(f Fault, requestID string) Answer {
	answer := Answer{Status: f.Status, Header: s3Header(requestID)}
	if f.About == "Region" {
		answer.Header.Set("X-Amz-Bucket-Region", f.Value)
	}
	if f.Status == http.StatusNotModified {
		return answer
	}
	answer.Header.Set("Content-Type", "application/xml")
	w := &xmlWriter{}
	w.WriteString(xml.Header + "<Error>")
	w.text("Code", f.Code)
	w.text("Message", f.Message)
	if f.About != "" {
		w.text(f.About, f.Value)
	}
	w.text("RequestId", requestID)
	w.text("HostId", requestID)
	w.WriteString("</Error>")
	answer.Body = w.Bytes()
	return answer
}

// S3Actions are the actions that the protocol knows, sorted.
func S3Actions() []string { return slices.Sorted(maps.Keys(s3Operations)) }

// fillS3Body fills the member that is the body of the request.
func fillS3Body(v reflect.Value, op s3Operation, body []byte) error {
	f := v.FieldByName(op.body)
	switch {
	case op.body == "":
		return nil
	case op.body == s3Raw:
		f.Set(reflect.ValueOf(bytes.NewReader(body)))
		if n := v.FieldByName("ContentLength"); n.IsValid() {
			length := int64(len(body))
			n.Set(reflect.ValueOf(&length))
		}
		return nil
	case len(bytes.TrimSpace(body)) == 0:
		return nil
	}
	root, err := readXML(body)
	if err != nil {
		return err
	}
	made := reflect.New(f.Type().Elem())
	if err := fillXML(root, made.Elem()); err != nil {
		return err
	}
	f.Set(made)
	return nil
}
