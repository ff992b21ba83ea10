"""Makes a Network Load Balancer and prints its DNS name, or with one argument deletes it.

Arguments: address and port of a target, port of the listener.
"""
import os
import sys

import boto3

ec2, elb = (boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"]) for name in ("ec2", "elbv2"))

if len(sys.argv) == 2:
    lb = elb.describe_load_balancers(Names=["line"])["LoadBalancers"][0]["LoadBalancerArn"]
    pool = elb.describe_target_groups(LoadBalancerArn=lb)["TargetGroups"][0]["TargetGroupArn"]
    targets = [{"Id": t["Target"]["Id"], "Port": t["Target"]["Port"]}
               for t in elb.describe_target_health(TargetGroupArn=pool)["TargetHealthDescriptions"]]
    elb.deregister_targets(TargetGroupArn=pool, Targets=targets)
    elb.get_waiter("target_deregistered").wait(TargetGroupArn=pool, Targets=targets)
    elb.delete_load_balancer(LoadBalancerArn=lb)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[lb])
    elb.delete_target_group(TargetGroupArn=pool)
    sys.exit()

target, target_port, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
subnets = [s["SubnetId"] for s in ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]]
made = elb.create_load_balancer(Name="line", Type="network", Scheme="internet-facing", IpAddressType="ipv4", Subnets=subnets[:2])
lb = made["LoadBalancers"][0]
assert lb["Type"] == "network" and len(lb["AvailabilityZones"]) == 2, lb
pool = elb.create_target_group(Name="line", Protocol="TCP", Port=target_port, VpcId=vpc, TargetType="ip", HealthCheckProtocol="TCP",
                               HealthCheckIntervalSeconds=5, HealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
attributes = {a["Key"]: a["Value"] for a in elb.describe_target_group_attributes(TargetGroupArn=pool)["Attributes"]}
assert attributes["deregistration_delay.timeout_seconds"] == "300", attributes
elb.modify_target_group_attributes(TargetGroupArn=pool, Attributes=[
    {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
elb.register_targets(TargetGroupArn=pool, Targets=[{"Id": target}])
elb.create_listener(LoadBalancerArn=lb["LoadBalancerArn"], Protocol="TCP", Port=port,
                    DefaultActions=[{"Type": "forward", "TargetGroupArn": pool}])
try:
    elb.create_listener(LoadBalancerArn=lb["LoadBalancerArn"], Protocol="TCP", Port=port,
                        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}])
    raise SystemExit("a Network Load Balancer has a fixed response, and two listeners on one port")
except elb.exceptions.ClientError:
    pass
elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[lb["LoadBalancerArn"]])
elb.get_waiter("target_in_service").wait(TargetGroupArn=pool)
print(lb["DNSName"])
