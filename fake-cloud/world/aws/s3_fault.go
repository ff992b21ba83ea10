package aws

import "fmt"

// s3Fault is an error as S3 words it.
func s3Fault(code string, status int, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

func (f *Fault) about(element, value string) *Fault {
	f.About, f.Value = element, clip(value)
	return f
}

func noSuchBucket(name string) error {
	return s3Fault("NoSuchBucket", 404, "The specified bucket does not exist").about("BucketName", name)
}

func noSuchKey(key string) error {
	return s3Fault("NoSuchKey", 404, "The specified key does not exist.").about("Key", key)
}

// elsewhere tells that a bucket is in another region than the one that was asked.
func elsewhere(region string) error {
	return s3Fault("PermanentRedirect", 301,
		"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.").
		about("Region", region)
}

func badArgument(format string, args ...any) error {
	return s3Fault("InvalidArgument", 400, format, args...)
}

func badDigest(which string) error {
	return s3Fault("BadDigest", 400, "The %s you specified did not match the calculated checksum.", which)
}

func preconditionFailed(header string) *Fault {
	return s3Fault("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold").about("Condition", header)
}

// s3NotServed is for what S3 has and this account does not.
func s3NotServed() error {
	return s3Fault("NotImplemented", 501, "A header you provided implies functionality that is not implemented")
}
