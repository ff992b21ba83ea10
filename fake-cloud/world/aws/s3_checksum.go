package aws

import (
	"crypto/md5"  //nolint:gosec // S3's ETags and Content-MD5 are so
	"crypto/sha1" //nolint:gosec // one of the checksums that S3 has
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"hash/crc64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// nvme is the polynomial of the NVM Express specification, reflected.
	nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// sum returns a checksum of the content as S3 writes it.
func sum(algorithm types.ChecksumAlgorithm, content []byte) string {
	var raw []byte
	switch algorithm {
	case types.ChecksumAlgorithmCrc32:
		raw = binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(content))
	case types.ChecksumAlgorithmCrc32c:
		raw = binary.BigEndian.AppendUint32(nil, crc32.Checksum(content, castagnoli))
	case types.ChecksumAlgorithmSha1:
		s := sha1.Sum(content) //nolint:gosec // see above
		raw = s[:]
	case types.ChecksumAlgorithmSha256:
		s := sha256.Sum256(content)
		raw = s[:]
	default:
		raw = binary.BigEndian.AppendUint64(nil, crc64.Checksum(content, nvme))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// checksums holds the content against what is said of it, and returns the checksums that are kept: those that were given, or else the one
// that S3 makes of everything.
func checksums(in *s3.PutObjectInput, content []byte) (map[string]string, error) {
	if in.ChecksumMD5 != nil || in.ChecksumSHA512 != nil || in.ChecksumXXHASH3 != nil || in.ChecksumXXHASH64 != nil || in.ChecksumXXHASH128 != nil {
		return nil, s3NotServed()
	}
	if in.ContentMD5 != nil {
		raw, err := base64.StdEncoding.DecodeString(*in.ContentMD5)
		want := md5.Sum(content) //nolint:gosec // see above
		switch {
		case err != nil || len(raw) != len(want):
			return nil, s3Fault("InvalidDigest", 400, "The Content-MD5 you specified was invalid.")
		case string(raw) != string(want[:]):
			return nil, badDigest("Content-MD5")
		}
	}
	sums := map[string]string{}
	for algorithm, given := range map[types.ChecksumAlgorithm]*string{
		types.ChecksumAlgorithmCrc32: in.ChecksumCRC32, types.ChecksumAlgorithmCrc32c: in.ChecksumCRC32C, types.ChecksumAlgorithmSha1: in.ChecksumSHA1,
		types.ChecksumAlgorithmSha256: in.ChecksumSHA256, types.ChecksumAlgorithmCrc64nvme: in.ChecksumCRC64NVME,
	} {
		if given == nil {
			continue
		}
		if *given != sum(algorithm, content) {
			return nil, badDigest(string(algorithm))
		}
		sums[string(algorithm)] = *given
	}
	if len(sums) > 1 {
		return nil, s3Fault("InvalidRequest", 400, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	}
	if len(sums) == 0 {
		sums[string(types.ChecksumAlgorithmCrc64nvme)] = sum(types.ChecksumAlgorithmCrc64nvme, content)
	}
	return sums, nil
}

// sums returns the checksums that are kept of the object, nil for the others.
func (o *Object) sums() (crc32, crc32c, crc64, sha1, sha256 *string) {
	of := func(a types.ChecksumAlgorithm) *string {
		if s, ok := o.Checksums[string(a)]; ok {
			return aws.String(s)
		}
		return nil
	}
	return of(types.ChecksumAlgorithmCrc32), of(types.ChecksumAlgorithmCrc32c), of(types.ChecksumAlgorithmCrc64nvme),
		of(types.ChecksumAlgorithmSha1), of(types.ChecksumAlgorithmSha256)
}

func etag(content []byte) string {
	s := md5.Sum(content) //nolint:gosec // see above
	return `"` + hex.EncodeToString(s[:]) + `"`
}
