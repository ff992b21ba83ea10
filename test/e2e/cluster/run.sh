#!/bin/sh
# Brings a cluster of two nodes up (or takes the one that is up), installs the charts from this tree in it, runs the stories, and takes it
# down, unless it was up before. make e2e-cluster calls it; the variables come from there.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
. "$root/test/cluster/borrow.sh"

# run PATTERN [NAME=VALUE...]: the tests whose names match, with variables of their own, and then what they measured.
failed=0
run() {
	pattern=$1
	shift
	inside env CLOUDGATE_E2E_CLUSTER="$NAME" "$@" "$TEST" -test.v -test.timeout 25m -test.run "$pattern" || failed=$?
	if [ -s "$E2E_MEASURED" ]; then
		step "What they measured"
		sed 's/^/  /' "$E2E_MEASURED"
	fi
}

borrow
step "Images"
"$CLUSTER" load --name "$NAME" "$IMAGES/cloudgate.tar" "$IMAGES/fakecloud.tar" "$IMAGES/echo.tar"
step "Charts"
# STS in the fake AWS knows the tokens of this cluster. Load balancers of AWS send requests to pods: they are in the VPC.
issuer=$(inside kubectl get --raw /.well-known/openid-configuration | sed -n 's/.*"issuer":"\([^"]*\)".*/\1/p')
keys=$(inside kubectl get --raw /openid/v1/jwks)
install fake-cloud --set aws.enabled=true --set aws.vpcCIDR=10.244.0.0/16 --set-json "aws.identityProviders=[{\"issuer\":\"$issuer\",\"jwks\":$keys,
	\"audiences\":[\"sts.amazonaws.com\"],\"roles\":[{\"arn\":\"arn:aws:iam::123456789012:role/cloudgate\",
	\"subjects\":[\"system:serviceaccount:cloudgate-system:cloudgate-aws\",\"system:serviceaccount:cloudgate-system:cloudgate-aws-withdraw\"]}]}]"
install cloudgate --set gatewayAPI.install=true --set gatewayAPI.channel="${CHANNEL:-standard}" \
	--set 'gatewayClasses[0].name=fake' --set 'gatewayClasses[0].provider=fake'
cd "$root/test/e2e/cluster"
step "Stories"
run "$RUN" CLOUDGATE_E2E_EXTERNAL_DNS="$EXTERNALDNS"
if [ "$RUN" = . ]; then
	# Both take the cluster for themselves, and the second judges by the audit log what all the others asked the API server for.
	step "The charts from upgrade to uninstallation"
	run TestLifecycle CLOUDGATE_E2E_LIFECYCLE=1
	step "Permissions, used and unused"
	run TestPermissions CLOUDGATE_E2E_AUDIT="$(audit_log)"
fi
exit "$failed"
