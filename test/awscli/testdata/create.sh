#!/bin/sh
# Makes a load balancer that answers with TLS, as a user would with the aws CLI, and prints its ARN and DNS name.
# Arguments: address and port of a target, files of certificate and key, port of the listener.
set -eu
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # old ones do not look at the variable
target=$1 targetport=$2 certificate=$3 key=$4 port=$5

vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId' --output text)
subnets=$(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" --query 'Subnets[].SubnetId' --output text)
group=$(aws ec2 create-security-group --group-name shop-lb --description 'front of the shop' --vpc-id "$vpc" \
  --tag-specifications 'ResourceType=security-group,Tags=[{Key=shop,Value=front}]' --query GroupId --output text)
aws ec2 authorize-security-group-ingress --group-id "$group" \
  --ip-permissions "IpProtocol=tcp,FromPort=$port,ToPort=$port,IpRanges=[{CidrIp=0.0.0.0/0,Description=everybody}]" > /dev/null
[ "$(aws ec2 describe-security-groups --group-ids "$group" --query 'SecurityGroups[0].IpPermissions[0].IpRanges[0].CidrIp' --output text)" = 0.0.0.0/0 ]

arn=$(aws acm import-certificate --certificate "fileb://$certificate" --private-key "fileb://$key" \
  --tags Key=shop,Value=front --query CertificateArn --output text)
[ "$(aws acm describe-certificate --certificate-arn "$arn" --query Certificate.Status --output text)" = ISSUED ]

# shellcheck disable=SC2086 # the subnets are several words
lb=$(aws elbv2 create-load-balancer --name shop --type application --scheme internal --subnets $subnets --security-groups "$group" \
  --tags Key=shop,Value=front --query 'LoadBalancers[0].LoadBalancerArn' --output text)
pool=$(aws elbv2 create-target-group --name shop --protocol HTTP --port 80 --vpc-id "$vpc" --target-type ip \
  --health-check-path /healthz --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --matcher HttpCode=200-299 \
  --query 'TargetGroups[0].TargetGroupArn' --output text)
aws elbv2 modify-target-group-attributes --target-group-arn "$pool" \
  --attributes Key=deregistration_delay.timeout_seconds,Value=5 > /dev/null
aws elbv2 register-targets --target-group-arn "$pool" --targets "Id=$target,Port=$targetport"

listener=$(aws elbv2 create-listener --load-balancer-arn "$lb" --protocol HTTPS --port "$port" --certificates "CertificateArn=$arn" \
  --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06 \
  --default-actions 'Type=fixed-response,FixedResponseConfig={StatusCode=404,ContentType=text/plain,MessageBody=nothing here}' \
  --query 'Listeners[0].ListenerArn' --output text)
aws elbv2 create-rule --listener-arn "$listener" --priority 10 \
  --conditions '[{"Field":"path-pattern","PathPatternConfig":{"Values":["/shop","/shop/*"]}}]' \
  --actions "[{\"Type\":\"forward\",\"ForwardConfig\":{\"TargetGroups\":[{\"TargetGroupArn\":\"$pool\",\"Weight\":1}]}}]" > /dev/null
aws elbv2 create-rule --listener-arn "$listener" --priority 20 --conditions Field=path-pattern,Values=/old \
  --actions 'Type=redirect,RedirectConfig={StatusCode=HTTP_301,Path=/shop}' > /dev/null
aws elbv2 add-tags --resource-arns "$lb" "$pool" --tags Key=team,Value=sales
[ "$(aws elbv2 describe-tags --resource-arns "$lb" --query 'length(TagDescriptions[0].Tags)' --output text)" = 2 ]
[ "$(aws elbv2 describe-rules --listener-arn "$listener" --query 'length(Rules)' --output text)" = 3 ]

aws elbv2 wait load-balancer-available --load-balancer-arns "$lb"
aws elbv2 wait target-in-service --target-group-arn "$pool" --targets "Id=$target,Port=$targetport"
printf '%s %s\n' "$lb" "$(aws elbv2 describe-load-balancers --load-balancer-arns "$lb" --query 'LoadBalancers[0].DNSName' --output text)"
