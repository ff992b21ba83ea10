"""Deletes what create.py made, and checks that nothing is left."""
import os
import time

import boto3

ec2, acm, elb = (boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"]) for name in ("ec2", "acm", "elbv2"))
front = [{"Name": "tag:shop", "Values": ["front"]}]
lb = elb.describe_load_balancers(Names=["shop"])["LoadBalancers"][0]["LoadBalancerArn"]
pool = elb.describe_target_groups(Names=["shop"])["TargetGroups"][0]["TargetGroupArn"]
group = ec2.describe_security_groups(Filters=front)["SecurityGroups"][0]["GroupId"]
certificate = acm.list_certificates()["CertificateSummaryList"][0]["CertificateArn"]

try:
    acm.delete_certificate(CertificateArn=certificate)
    raise SystemExit("a certificate that is in use was deleted")
except acm.exceptions.ResourceInUseException:
    pass
elb.delete_load_balancer(LoadBalancerArn=lb)
elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[lb])
elb.delete_target_group(TargetGroupArn=pool)
# The network interfaces of the load balancer, which have the group, go a while after it.
for _ in range(10):
    try:
        ec2.delete_security_group(GroupId=group)
        break
    except ec2.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == "DependencyViolation", e
        time.sleep(1)
acm.delete_certificate(CertificateArn=certificate)

assert elb.describe_load_balancers()["LoadBalancers"] == []
assert elb.describe_target_groups()["TargetGroups"] == []
assert ec2.describe_security_groups(Filters=front)["SecurityGroups"] == []
assert acm.list_certificates()["CertificateSummaryList"] == []
