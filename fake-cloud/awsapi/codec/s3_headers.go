package codec

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// s3Everywhere are the headers that are called alike in requests and answers, by the members of the SDK's structs.
var s3Everywhere = map[string]string{
	"BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled", "CacheControl": "Cache-Control",
	"ChecksumCRC32": "x-amz-checksum-crc32", "ChecksumCRC32C": "x-amz-checksum-crc32c", "ChecksumCRC64NVME": "x-amz-checksum-crc64nvme",
	"ChecksumMD5": "x-amz-checksum-md5", "ChecksumSHA1": "x-amz-checksum-sha1", "ChecksumSHA256": "x-amz-checksum-sha256",
	"ChecksumSHA512": "x-amz-checksum-sha512", "ChecksumXXHASH128": "x-amz-checksum-xxhash128", "ChecksumXXHASH3": "x-amz-checksum-xxhash3",
	"ChecksumXXHASH64": "x-amz-checksum-xxhash64", "ContentDisposition": "Content-Disposition", "ContentEncoding": "Content-Encoding",
	"ContentLanguage": "Content-Language", "ContentType": "Content-Type", "Expires": "Expires",
	"ObjectLockEventHold": "x-amz-object-lock-event-hold", "ObjectLockEventHoldDurationDays": "x-amz-object-lock-event-hold-duration-days",
	"ObjectLockEventHoldDurationYears": "x-amz-object-lock-event-hold-duration-years", "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
	"ObjectLockMode": "x-amz-object-lock-mode", "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
	"SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm", "SSECustomerKeyMD5": "x-amz-server-side-encryption-customer-key-MD5",
	"SSEKMSEncryptionContext": "x-amz-server-side-encryption-context", "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
	"ServerSideEncryption": "x-amz-server-side-encryption", "StorageClass": "x-amz-storage-class",
	"WebsiteRedirectLocation": "x-amz-website-redirect-location",
}

// s3RequestHeaders are the others of requests.
var s3RequestHeaders = map[string]string{
	"ACL": "x-amz-acl", "BucketNamespace": "x-amz-bucket-namespace", "BypassGovernanceRetention": "x-amz-bypass-governance-retention",
	"ChecksumAlgorithm": "x-amz-sdk-checksum-algorithm", "ChecksumMode": "x-amz-checksum-mode", "ContentMD5": "Content-MD5",
	"ExpectedBucketOwner": "x-amz-expected-bucket-owner", "GrantFullControl": "x-amz-grant-full-control", "GrantRead": "x-amz-grant-read",
	"GrantReadACP": "x-amz-grant-read-acp", "GrantWrite": "x-amz-grant-write", "GrantWriteACP": "x-amz-grant-write-acp", "IfMatch": "If-Match",
	"IfMatchLastModifiedTime": "x-amz-if-match-last-modified-time", "IfMatchSize": "x-amz-if-match-size",
	"IfModifiedSince": "If-Modified-Since", "IfNoneMatch": "If-None-Match", "IfUnmodifiedSince": "If-Unmodified-Since", "MFA": "x-amz-mfa",
	"ObjectLockEnabledForBucket": "x-amz-bucket-object-lock-enabled", "ObjectOwnership": "x-amz-object-ownership",
	"OptionalObjectAttributes": "x-amz-optional-object-attributes", "Range": "Range", "RequestPayer": "x-amz-request-payer",
	"SSECustomerKey": "x-amz-server-side-encryption-customer-key", "Tagging": "x-amz-tagging", "WriteOffsetBytes": "x-amz-write-offset-bytes",
}

// s3Query are the members of requests that are in the query.
var s3Query = map[string]string{
	"BucketRegion": "bucket-region", "ContinuationToken": "continuation-token", "Delimiter": "delimiter", "EncodingType": "encoding-type",
	"FetchOwner": "fetch-owner", "MaxBuckets": "max-buckets", "MaxKeys": "max-keys", "PartNumber": "partNumber", "Prefix": "prefix",
	"ResponseCacheControl": "response-cache-control", "ResponseContentDisposition": "response-content-disposition",
	"ResponseContentEncoding": "response-content-encoding", "ResponseContentLanguage": "response-content-language",
	"ResponseContentType": "response-content-type", "ResponseExpires": "response-expires", "StartAfter": "start-after", "VersionId": "versionId",
}

// s3InHeaders and s3InXML are the two sorts of answers: those whose members are all in headers, and those that have a document.
const (
	s3InHeaders = "headers"
	s3InXML     = "document"
)

// s3ResponseHeaders are the others of answers.
var s3ResponseHeaders = map[string]map[string]string{
	s3InHeaders: {
		"AcceptRanges": "accept-ranges", "AccessPointAlias": "x-amz-access-point-alias", "ArchiveStatus": "x-amz-archive-status",
		"BucketArn": "x-amz-bucket-arn", "BucketLocationName": "x-amz-bucket-location-name", "BucketLocationType": "x-amz-bucket-location-type",
		"BucketRegion": "x-amz-bucket-region", "ChecksumType": "x-amz-checksum-type", "ContentLength": "Content-Length", "ContentRange": "Content-Range",
		"DeleteMarker": "x-amz-delete-marker", "ETag": "ETag", "Expiration": "x-amz-expiration", "ExpiresString": "Expires", "LastModified": "Last-Modified",
		"Location": "Location", "MissingMeta": "x-amz-missing-meta", "PartsCount": "x-amz-mp-parts-count", "ReplicationStatus": "x-amz-replication-status",
		"RequestCharged": "x-amz-request-charged", "Restore": "x-amz-restore", "Size": "x-amz-object-size", "TagCount": "x-amz-tagging-count",
		"VersionId": "x-amz-version-id",
	},
	s3InXML: {"RequestCharged": "x-amz-request-charged", "VersionId": "x-amz-version-id"},
}

const s3Metadata = "x-amz-meta-"

// fillS3 fills the members of an input that are in headers and in the query.
func fillS3(v reflect.Value, h http.Header, query url.Values) error {
	for i := range v.NumField() {
		member, f := v.Type().Field(i), v.Field(i)
		if !isMember(member) {
			continue
		}
		if f.Kind() == reflect.Map {
			fillMetadata(f, h)
			continue
		}
		name, inHeader := s3Everywhere[member.Name]
		if !inHeader {
			name, inHeader = s3RequestHeaders[member.Name]
		}
		given := h.Values(name)
		if !inHeader {
			given = query[s3Query[member.Name]]
		}
		if len(given) == 0 || f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct && f.Type().Elem() != timeType {
			continue // a struct is a body
		}
		if err := fillS3Value(f, member.Name, given); err != nil {
			return err
		}
	}
	return nil
}

func fillMetadata(f reflect.Value, h http.Header) {
	for name, values := range h {
		if key, ok := strings.CutPrefix(strings.ToLower(name), s3Metadata); ok {
			if f.IsNil() {
				f.Set(reflect.MakeMap(f.Type()))
			}
			f.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(strings.Join(values, ",")))
		}
	}
}

func fillS3Value(f reflect.Value, name string, given []string) error {
	switch {
	case f.Kind() == reflect.Slice:
		for _, line := range given {
			for value := range strings.SplitSeq(line, ",") {
				f.Set(reflect.Append(f, reflect.ValueOf(strings.TrimSpace(value)).Convert(f.Type().Elem())))
			}
		}
		return nil
	case f.Kind() == reflect.Pointer:
		made := reflect.New(f.Type().Elem())
		if err := fillS3Value(made.Elem(), name, given); err != nil {
			return err
		}
		f.Set(made)
		return nil
	case f.Type() == timeType:
		at, err := s3Time(given[0])
		if err != nil {
			return badRequest("InvalidArgument", "%s is not a valid date", name)
		}
		f.Set(reflect.ValueOf(at.UTC()))
		return nil
	case name == "ContentEncoding":
		return fillEncoding(f, given)
	}
	return filler{code: "InvalidArgument"}.scalar(given[0], f, name)
}

// fillEncoding leaves out the framing, which is not the content's.
func fillEncoding(f reflect.Value, given []string) error {
	var encodings []string
	for value := range strings.SplitSeq(strings.Join(given, ","), ",") {
		if value = strings.TrimSpace(value); value != "aws-chunked" && value != "" {
			encodings = append(encodings, value)
		}
	}
	f.SetString(strings.Join(encodings, ","))
	return nil
}

func s3Time(text string) (time.Time, error) {
	if at, err := http.ParseTime(text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

// s3Headers writes the members of an output that are in headers.
func s3Headers(v reflect.Value, op s3Operation, h http.Header) error {
	own := s3ResponseHeaders[s3InHeaders]
	if op.root != "" {
		own = s3ResponseHeaders[s3InXML]
	}
	for i := range v.NumField() {
		member, f := v.Type().Field(i), v.Field(i)
		if !isMember(member) || isAbsent(f) {
			continue
		}
		if f.Kind() == reflect.Map {
			for _, key := range f.MapKeys() {
				h[s3Metadata+key.String()] = []string{f.MapIndex(key).String()} // in small letters: clients keep the case
			}
			continue
		}
		name := own[member.Name]
		if name == "" && op.root == "" {
			name = s3Everywhere[member.Name]
		}
		if name == "" {
			continue
		}
		text, err := s3Text(reflect.Indirect(f), member.Name)
		if err != nil {
			return err
		}
		h.Set(name, text)
	}
	return nil
}

func s3Text(v reflect.Value, name string) (string, error) {
	if v.Type() != timeType {
		return scalarText(v)
	}
	at := v.Interface().(time.Time).UTC()
	if name == "ObjectLockRetainUntilDate" {
		return at.Format(time.RFC3339), nil
	}
	return at.Format(http.TimeFormat), nil
}

// s3Lists are the lists in documents: what an element is called, and whether the elements stand by themselves.
var s3Lists = map[string]struct {
	element string
	flat    bool
}{
	"Buckets": {"Bucket", false}, "TagSet": {"Tag", false}, "Tags": {"Tag", false}, "Objects": {"Object", true}, "Contents": {"Contents", true},
	"CommonPrefixes": {"CommonPrefixes", true}, "Deleted": {"Deleted", true}, "Errors": {"Error", true}, "ChecksumAlgorithm": {"ChecksumAlgorithm", true},
}

// s3Fields writes the members of a struct, but for those that are in headers.
func (w *xmlWriter) s3Fields(v reflect.Value, headers map[string]string) error {
	for i := range v.NumField() {
		member, f := v.Type().Field(i), v.Field(i)
		if !isMember(member) || isAbsent(f) || headers[member.Name] != "" {
			continue
		}
		if err := w.s3Value(member.Name, f); err != nil {
			return err
		}
	}
	return nil
}

func (w *xmlWriter) s3Value(name string, v reflect.Value) error {
	v = reflect.Indirect(v)
	switch {
	case v.Kind() == reflect.Slice:
		list, ok := s3Lists[name]
		if !ok {
			return fmt.Errorf("codec: %s is a list without a name for its elements", name)
		}
		if !list.flat {
			w.open(name)
			defer w.close(name)
		}
		for i := range v.Len() {
			if err := w.s3Value(list.element, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		w.open(name)
		defer w.close(name)
		return w.s3Fields(v, nil)
	default:
		return w.value(name, v)
	}
}
