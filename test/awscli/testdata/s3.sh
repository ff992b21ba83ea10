# Puts a file of certificates into S3, makes a trust store of it, and deletes both. Argument: the file.
set -eu
# Those from before 2023 know no AWS_ENDPOINT_URL.
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
fail() { echo "$1" >&2; exit 1; }

aws s3 mb s3://bundles
aws s3 cp "$1" s3://bundles/edge/ca.pem
aws s3 cp s3://bundles/edge/ca.pem - | cmp "$1" -
aws s3 ls s3://bundles/edge/ | grep -q ca.pem || fail "the file is not listed"
aws s3api get-bucket-versioning --bucket bundles 2> refused && fail "versions are served"
grep -q NotImplemented refused

# Nor have they trust stores.
if store=$(aws elbv2 create-trust-store --name clients --ca-certificates-bundle-s3-bucket bundles --ca-certificates-bundle-s3-key edge/ca.pem \
  --query 'TrustStores[0].TrustStoreArn' --output text 2> refused); then
  aws elbv2 delete-trust-store --trust-store-arn "$store"
else
  grep -q "Invalid choice" refused || fail "$(cat refused)"
fi
aws s3 rb --force s3://bundles
[ "$(aws s3api list-buckets --query 'length(Buckets)' --output text)" = 0 ] || fail "a bucket is left"
