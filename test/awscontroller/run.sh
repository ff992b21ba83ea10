#!/bin/sh
# Brings a cluster of two nodes up (or takes the one that is up), installs the fake cloud with its AWS, and runs the stories of AWS's own
# controller, which install it with its own chart. make e2e-aws-controller calls it; the variables come from there.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/cluster/borrow.sh"

PODS=10.244.0.0/16 # of the cluster: they are in the VPC

# What modules of the controller's build have besides Go: its chart, and the definitions of the Gateway API that it was built with.
module() { (cd "$root/test/awscontroller" && "$GO" list -m -f '{{.Dir}}' "$1"); }
controller=$(module sigs.k8s.io/aws-load-balancer-controller)
gatewayapi=$(module sigs.k8s.io/gateway-api)

borrow
step "Images"
"$IMAGE_TOOL" -o "$WORK" "$PROGRAM"
"$CLUSTER" load --name "$NAME" "$IMAGES/fakecloud.tar" "$IMAGES/echo.tar" "$WORK/aws-load-balancer-controller.tar"
step "The Gateway API, and the fake cloud"
inside kubectl apply --server-side -k "$gatewayapi/config/crd/experimental" >/dev/null
install fake-cloud --set aws.enabled=true --set aws.vpcCIDR="$PODS"
step "Stories"
cd "$root/test/e2e/awscontroller"
inside env AWSCONTROLLER_CLUSTER="$NAME" AWSCONTROLLER_CHART="$controller/helm/aws-load-balancer-controller" HELM="$HELM" \
	"$TEST" -test.v -test.timeout 25m -test.run "$RUN"
