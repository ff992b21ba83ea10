"""Makes a load balancer that answers with TLS, as a user would with boto3, and prints its ARN and DNS name.

Arguments: address and port of a target, files of certificate and key, port of the listener.
"""
import os
import sys

import boto3

target, target_port, certificate_file, key_file, port = sys.argv[1:]
target_port, port = int(target_port), int(port)
ec2, acm, elb = (boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"]) for name in ("ec2", "acm", "elbv2"))

vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
subnets = [s["SubnetId"] for page in ec2.get_paginator("describe_subnets").paginate(
    Filters=[{"Name": "vpc-id", "Values": [vpc]}]) for s in page["Subnets"]]
group = ec2.create_security_group(GroupName="shop-lb", Description="front of the shop", VpcId=vpc, TagSpecifications=[
    {"ResourceType": "security-group", "Tags": [{"Key": "shop", "Value": "front"}]}])["GroupId"]
allowed = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "everybody"}]}])
assert allowed["SecurityGroupRules"][0]["FromPort"] == port, allowed
try:
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    raise SystemExit("a rule was made twice")
except ec2.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "InvalidPermission.Duplicate", e

with open(certificate_file, "rb") as c, open(key_file, "rb") as k:
    certificate = acm.import_certificate(Certificate=c.read(), PrivateKey=k.read())["CertificateArn"]
acm.add_tags_to_certificate(CertificateArn=certificate, Tags=[{"Key": "shop", "Value": "front"}])
assert acm.describe_certificate(CertificateArn=certificate)["Certificate"]["NotAfter"].year > 2000

lb = elb.create_load_balancer(Name="shop", Type="application", Scheme="internal", Subnets=subnets, SecurityGroups=[group],
                              Tags=[{"Key": "shop", "Value": "front"}])["LoadBalancers"][0]["LoadBalancerArn"]
pool = elb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", HealthCheckPath="/healthz",
                               HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
                               Matcher={"HttpCode": "200-299"})["TargetGroups"][0]["TargetGroupArn"]
elb.modify_target_group_attributes(TargetGroupArn=pool, Attributes=[
    {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}])
elb.register_targets(TargetGroupArn=pool, Targets=[{"Id": target, "Port": target_port}])
listener = elb.create_listener(
    LoadBalancerArn=lb, Protocol="HTTPS", Port=port, Certificates=[{"CertificateArn": certificate}],
    SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06", DefaultActions=[
        {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here"}}],
)["Listeners"][0]["ListenerArn"]
elb.create_rule(ListenerArn=listener, Priority=10,
                Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/shop", "/shop/*"]}}],
                Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": pool, "Weight": 1}]}}])
try:
    elb.create_rule(ListenerArn=listener, Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/other"]}],
                    Actions=[{"Type": "forward", "TargetGroupArn": pool}])
    raise SystemExit("two rules have one priority")
except elb.exceptions.PriorityInUseException:
    pass
elb.create_rule(ListenerArn=listener, Priority=20, Conditions=[{"Field": "path-pattern", "Values": ["/old"]}],
                Actions=[{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Path": "/shop"}}])
assert len([r for page in elb.get_paginator("describe_rules").paginate(ListenerArn=listener) for r in page["Rules"]]) == 3
elb.add_tags(ResourceArns=[lb, pool], Tags=[{"Key": "team", "Value": "sales"}])
assert len(elb.describe_tags(ResourceArns=[lb])["TagDescriptions"][0]["Tags"]) == 2

elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[lb])
elb.get_waiter("target_in_service").wait(TargetGroupArn=pool, Targets=[{"Id": target, "Port": target_port}])
print(lb, elb.describe_load_balancers(LoadBalancerArns=[lb])["LoadBalancers"][0]["DNSName"])
