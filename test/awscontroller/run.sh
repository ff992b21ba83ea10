#!/bin/sh
# Brings a cluster of two nodes up (or takes the one that is up), installs the fake cloud with its AWS, and runs the stories of AWS's own
# controller, which install it with its own chart. The cluster goes afterwards, unless it was up before. make e2e-aws-controller calls it;
# the variables come from there.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)

PODS=10.244.0.0/16 # of the cluster: they are in the VPC

step() { printf '== %s\n' "$*"; }

down() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$KEEP" ]; then
		step "The cluster $NAME stays up. Look around: $CLUSTER shell --name $NAME ; take it down: $CLUSTER down --name $NAME"
	else
		"$CLUSTER" down --name "$NAME" || [ "$status" -ne 0 ]
	fi
	exit "$status"
}
"$CLUSTER" list | grep -q "^$NAME  *Running" && KEEP=1
trap down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

inside() { "$CLUSTER" exec --name "$NAME" -- "$@"; }

# What a module of the controller's build has besides Go: its chart, and the definitions of the Gateway API that it was built with.
module() { (cd "$root/test/awscontroller" && "$GO" list -m -f '{{.Dir}}' "$1"); }
controller=$(module sigs.k8s.io/aws-load-balancer-controller)
gatewayapi=$(module sigs.k8s.io/gateway-api)

step "A cluster named $NAME, of two nodes"
"$CLUSTER" up --name "$NAME" --nodes 2
step "Images"
"$IMAGE_TOOL" -o "$WORK" "$PROGRAM"
"$CLUSTER" load --name "$NAME" "$IMAGES/fakecloud.tar" "$IMAGES/echo.tar" "$WORK/aws-load-balancer-controller.tar"
step "The Gateway API, and the fake cloud"
inside kubectl apply --server-side -k "$gatewayapi/config/crd/experimental" >/dev/null
image=$(cksum <"$IMAGES/fakecloud.tar" | tr ' ' -)
inside "$HELM" upgrade --install fake-cloud "$root/charts/fake-cloud" --namespace kube-system --set image.tag=dev --set-string podAnnotations.image="$image" \
	--set aws.enabled=true --set aws.vpcCIDR="$PODS" --wait --timeout 3m >/dev/null
step "Stories"
cd "$root/test/e2e/awscontroller"
inside env AWSCONTROLLER_CLUSTER="$NAME" AWSCONTROLLER_CHART="$controller/helm/aws-load-balancer-controller" HELM="$HELM" \
	"$TEST" -test.v -test.timeout 20m -test.run "$RUN"
