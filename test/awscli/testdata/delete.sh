#!/bin/sh
# Deletes what create.sh made, and checks that nothing is left.
set -eu
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # old ones do not look at the variable
lb=$(aws elbv2 describe-load-balancers --names shop --query 'LoadBalancers[0].LoadBalancerArn' --output text)
pool=$(aws elbv2 describe-target-groups --names shop --query 'TargetGroups[0].TargetGroupArn' --output text)
group=$(aws ec2 describe-security-groups --filters Name=tag:shop,Values=front --query 'SecurityGroups[0].GroupId' --output text)
certificate=$(aws acm list-certificates --query 'CertificateSummaryList[0].CertificateArn' --output text)

if aws elbv2 delete-target-group --target-group-arn "$pool" 2> refused; then
  echo 'a target group that is in use was deleted' >&2
  exit 1
fi
grep -q ResourceInUse refused
aws elbv2 delete-load-balancer --load-balancer-arn "$lb"
aws elbv2 wait load-balancers-deleted --load-balancer-arns "$lb"
aws elbv2 delete-target-group --target-group-arn "$pool"
# The network interfaces of the load balancer, which have the group, go a while after it.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  aws ec2 delete-security-group --group-id "$group" > /dev/null 2> refused && break
  grep -q DependencyViolation refused
  sleep 1
done
aws acm delete-certificate --certificate-arn "$certificate"

[ "$(aws elbv2 describe-load-balancers --query 'length(LoadBalancers)' --output text)" = 0 ]
[ "$(aws elbv2 describe-target-groups --query 'length(TargetGroups)' --output text)" = 0 ]
[ "$(aws ec2 describe-security-groups --filters Name=tag:shop,Values=front --query 'length(SecurityGroups)' --output text)" = 0 ]
[ "$(aws acm list-certificates --query 'length(CertificateSummaryList)' --output text)" = 0 ]
