#!/bin/sh
# CLASS is the GatewayClass: fake, or aws against the fake AWS.
# Brings a cluster of two nodes up (or takes the one that is up), installs the charts from this tree in it, runs the Gateway API's
# conformance suite from outside, next to the nodes, and takes the cluster down, unless it was up before. make conformance calls it; the
# variables come from there.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/cluster/borrow.sh"

# Addresses for a Gateway to ask for: one at the end of what the fake cloud has on the cluster's network, which it gives to nobody else
# before all others are taken, and one of a network that is for documentation alone (RFC 5737).
USABLE_ADDRESS=172.30.255.250
UNUSABLE_ADDRESS=192.0.2.1
PODS=10.244.0.0/16 # of the cluster
REGION=us-east-1
BUCKET=authorities # in S3
PROFILES=GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP
# An Application Load Balancer speaks gRPC behind HTTPS alone, and the suite's gRPC has none.
[ "$CLASS" != aws ] || PROFILES=GATEWAY-HTTP,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP
# Tests that a class cannot pass, each with the reason, in a file of their own.
impossible=$root/test/conformance/$CLASS.txt
skip=
[ ! -e "$impossible" ] || skip=$(sed -n 's/^\([A-Za-z0-9]*\) .*/\1/p' "$impossible" | paste -s -d, -)

# The suite's images under exactly the names that its manifests have, each from the program of that name, so that nothing is pulled.
pack() {
	"$TOOL" images >"$WORK/images.txt"
	rm -rf "$WORK/images"
	while read -r repository name tag; do
		"$IMAGE_TOOL" -repository "$repository" -tag "$tag" -o "$WORK/images/$tag" "$WORK/programs/$name"
	done <"$WORK/images.txt"
}

# The load balancers of AWS have names, which the suite looks up: the cluster's DNS asks the fake cloud for them.
resolve_aws() {
	corefile=$WORK/Corefile
	inside kubectl --namespace kube-system get configmap coredns -o 'jsonpath={.data.Corefile}' >"$corefile"
	! grep -q '^amazonaws\.com' "$corefile" || return 0
	server=$(inside kubectl --namespace cloudgate-system get service fake-cloud-dns -o 'jsonpath={.spec.clusterIP}')
	printf '\namazonaws.com:53 {\n    errors\n    forward . %s\n}\n' "$server" >>"$corefile"
	inside kubectl --namespace kube-system create configmap coredns --from-file=Corefile="$corefile" --dry-run=client -o yaml | inside kubectl replace -f - >/dev/null
	# A kubelet gives a changed ConfigMap to a pod within a minute or two, to a new pod at once.
	inside kubectl --namespace kube-system rollout restart deployment/coredns >/dev/null
	inside kubectl --namespace kube-system rollout status deployment/coredns --timeout=90s >/dev/null
}

# The parameters of the class: where trust stores have their files. A file of ours makes the bucket.
configure_aws() {
	node=$(inside kubectl --namespace cloudgate-system get pod fake-cloud-0 -o 'jsonpath={.status.hostIP}')
	token=$(inside kubectl --namespace cloudgate-system get secret fake-cloud-token -o 'jsonpath={.data.token}' | base64 -d)
	printf '{"bucket": "%s", "key": "README", "content": "What trust stores are made of."}' "$BUCKET" |
		TOKEN=$token inside "$TOOL" post "http://$node:7070/admin/v1/aws/$REGION/objects"
	inside kubectl apply -f - >/dev/null <<EOF
apiVersion: cloudgate.dev/v1alpha1
kind: GatewayConfig
metadata: {namespace: cloudgate-system, name: aws}
spec: {aws: {trustStoreBucket: {name: $BUCKET}}}
EOF
}

step "The suite's images"
pack
borrow
step "Images"
"$CLUSTER" load --name "$NAME" "$IMAGES/cloudgate.tar" "$IMAGES/fakecloud.tar" "$WORK"/images/*/*.tar
step "Charts, with the Gateway API's $CHANNEL channel"
# What AWS does otherwise than the Gateway API says, a class has to opt in to.
class=
[ "$CLASS" != aws ] || class='--set-string gatewayClasses[0].annotations.cloudgate\.dev/approximate-features=allow
	--set gatewayClasses[0].parametersRef.name=aws --set gatewayClasses[0].parametersRef.namespace=cloudgate-system'
# Load balancers send requests to pods: they are in the VPC. AWS lets an account make or delete a load balancer each 5 s, and most tests make one:
# here neither side counts the calls.
install fake-cloud --set aws.enabled=true --set aws.vpcCIDR="$PODS" --set 'extraArgs={--aws-throttle=false}'
install cloudgate --set gatewayAPI.install=true --set gatewayAPI.channel="$CHANNEL" --set gatewayServices.enabled=true \
	--set providers.aws.enabled=true --set providers.aws.region="$REGION" --set providers.aws.endpoint=http://fake-cloud.cloudgate-system:4566 \
	--set providers.aws.credentialsSecret=fake-cloud-aws --set providers.aws.callRate=1000 \
	--set "gatewayClasses[0].name=$CLASS" --set "gatewayClasses[0].provider=$CLASS" $class
[ "$CLASS" != aws ] || configure_aws
inside kubectl wait --for=condition=Accepted "gatewayclass/$CLASS" --timeout=1m
[ "$CLASS" != aws ] || resolve_aws
# What a run left that was killed.
inside kubectl delete namespace --selector gateway-conformance --wait --timeout=2m

# The suite reads from the GatewayClass what is supported, unless it is told, and does not when it runs one test.
claimed=$(inside kubectl get gatewayclass "$CLASS" -o 'jsonpath={.status.supportedFeatures[*].name}' | tr ' ' ,)
case $FEATURES in
'') features=${RUN:+$claimed} ;;
all) features=$("$TOOL" features) ;;
*) features=$FEATURES ;;
esac
report=$REPORT
complete=-complete
[ -z "$skip" ] || complete=
if [ -n "$RUN$FEATURES" ]; then
	skip=
	report=$WORK/report.yaml
	complete=
fi

step "Features claimed: $claimed"
step "The suite: ${RUN:-all tests}${FEATURES:+, features $FEATURES}. Everything it says is in $WORK/log.txt"
set -- --gateway-class="$CLASS" --conformance-profiles="$PROFILES" --usable-address="$USABLE_ADDRESS" --unusable-address="$UNUSABLE_ADDRESS" \
	--organization=cloudgate-dev --project=cloudgate --url=https://github.com/cloudgate-dev/cloudgate \
	--contact=https://github.com/cloudgate-dev/cloudgate/issues --version="$VERSION" --report-output="$report" \
	${features:+--supported-features="$features"} ${skip:+--skip-tests="$skip"} ${RUN:+--run-test="$RUN"} $SUITE_FLAGS
cd "$WORK" # the suite looks for nothing in its folder
failed=0
standard=
[ "$CHANNEL" != standard ] || standard=-standard
"$TOOL" run $complete $standard -table "$WORK/table.md" -log "$WORK/log.txt" -- \
	"$CLUSTER" exec --name "$NAME" -- "$GO" tool test2json -t "$SUITE" -test.v=test2json -test.run='^TestConformance$' -test.timeout="$TIMEOUT" "$@" || failed=$?
step "What users changed, and how often the controllers wrote statuses"
"$TOOL" writes system:serviceaccount:cloudgate-system:cloudgate <"$(audit_log)"
if [ -e "$report" ]; then
	chmod 0644 "$report"
	step "The report is in $report, the table of tests in $WORK/table.md"
	sed -n 's/^  summary: /  /p;s/^  name: \(GATEWAY.*\)/  \1/p' "$report"
fi
exit "$failed"
