"""Puts a file of certificates into S3 in the ways that boto3 has, makes a trust store of it, and deletes all. Argument: the file."""
import io
import os
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3, elb = (boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"]) for name in ("s3", "elbv2"))
content = open(sys.argv[1], "rb").read()


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        return e.response
    raise SystemExit("%s was not refused: %s" % (arguments, code))


class Stream:
    """A body that can be read once, from the beginning to the end."""

    def __init__(self, data):
        self.source = io.BytesIO(data)

    def read(self, size=-1):
        return self.source.read(size)


refused("NoSuchBucket", s3.put_object, Bucket="bundles", Key="ca.pem", Body=content)
s3.create_bucket(Bucket="bundles", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
s3.get_waiter("bucket_exists").wait(Bucket="bundles")
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="bundles", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

made = s3.put_object(Bucket="bundles", Key="edge/ca.pem", Body=content, Metadata={"from": "here"}, Tagging="team=edge", ContentType="text/plain")
assert made["ServerSideEncryption"] == "AES256", made
s3.upload_file(sys.argv[1], "bundles", "edge/file.pem")
s3.upload_fileobj(Stream(content), "bundles", "edge/stream.pem")
for algorithm in ("CRC32", "SHA1", "SHA256"):
    s3.put_object(Bucket="bundles", Key="edge/" + algorithm, Body=content, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket="bundles", Key="edge/" + algorithm, ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm], head
got = s3.get_object(Bucket="bundles", Key="edge/ca.pem")
assert got["Body"].read() == content and got["Metadata"] == {"from": "here"} and got["ContentType"] == "text/plain" and got["ETag"] == made["ETag"], got
assert s3.get_object(Bucket="bundles", Key="edge/ca.pem", Range="bytes=0-9")["Body"].read() == content[:10]
s3.download_file("bundles", "edge/stream.pem", "copy.pem")
assert open("copy.pem", "rb").read() == content
assert s3.get_object_tagging(Bucket="bundles", Key="edge/ca.pem")["TagSet"] == [{"Key": "team", "Value": "edge"}]
assert refused("NoSuchKey", s3.get_object, Bucket="bundles", Key="none")["Error"]["Key"] == "none"
refused("404", s3.head_object, Bucket="bundles", Key="none")
if "IfNoneMatch" in s3.meta.service_model.operation_model("PutObject").input_shape.members:
    refused("PreconditionFailed", s3.put_object, Bucket="bundles", Key="edge/ca.pem", Body=b"", IfNoneMatch="*")
refused("NotImplemented", s3.get_bucket_policy, Bucket="bundles")

signer = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=Config(signature_version="s3v4"))
url = signer.generate_presigned_url("get_object", Params={"Bucket": "bundles", "Key": "edge/ca.pem"})
assert urllib.request.urlopen(url).read() == content
try:
    urllib.request.urlopen(url.split("?")[0])
    raise SystemExit("who did not sign is served")
except urllib.error.HTTPError as e:
    assert e.code == 403, e

keys = []
for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bundles", Prefix="edge/", PaginationConfig={"PageSize": 2}):
    keys += [o["Key"] for o in page["Contents"]]
assert keys == ["edge/" + name for name in ("CRC32", "SHA1", "SHA256", "ca.pem", "file.pem", "stream.pem")], keys
assert s3.list_objects_v2(Bucket="bundles", Delimiter="/")["CommonPrefixes"] == [{"Prefix": "edge/"}]
other = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-west-2")
assert other.get_object(Bucket="bundles", Key="edge/ca.pem")["Body"].read() == content  # after a redirect to the bucket's region

if hasattr(elb, "create_trust_store"):  # boto3 has it since the end of 2023
    arguments = {"CaCertificatesBundleS3Bucket": "bundles", "CaCertificatesBundleS3Key": "edge/ca.pem"}
    store = elb.create_trust_store(Name="clients", **arguments)["TrustStores"][0]
    assert store["NumberOfCaCertificates"] == 1, store
    refused("DuplicateTrustStoreName", elb.create_trust_store, Name="clients", **arguments)
    elb.delete_trust_store(TrustStoreArn=store["TrustStoreArn"])
refused("BucketNotEmpty", s3.delete_bucket, Bucket="bundles")
deleted = s3.delete_objects(Bucket="bundles", Delete={"Objects": [{"Key": key} for key in keys]})
assert len(deleted["Deleted"]) == len(keys) and "Errors" not in deleted, deleted
s3.delete_bucket(Bucket="bundles")
assert s3.list_buckets()["Buckets"] == []
