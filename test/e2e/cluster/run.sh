#!/bin/sh
# Brings a cluster of two nodes up (or takes the one that is up), installs the charts from this tree in it, runs the stories, and takes it
# down, unless it was up before. make e2e-cluster calls it; the variables come from there.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)

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

# install NAME [FLAGS]: a new image under the same tag makes new pods.
install() {
	name=$1
	shift
	image=$(cksum <"$IMAGES/$(echo "$name" | tr -d -)".tar | tr ' ' -)
	inside "$HELM" upgrade --install "$name" "$root/charts/$name" --namespace cloudgate-system --create-namespace \
		--set image.tag=dev --set-string podAnnotations.image="$image" --wait --timeout 3m "$@" >/dev/null
}

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

step "A cluster named $NAME, of two nodes"
"$CLUSTER" up --name "$NAME" --nodes 2
step "Images"
"$CLUSTER" load --name "$NAME" "$IMAGES/cloudgate.tar" "$IMAGES/fakecloud.tar" "$IMAGES/echo.tar"
step "Charts"
install fake-cloud
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
	run TestPermissions CLOUDGATE_E2E_AUDIT="$("$CLUSTER" status --name "$NAME" -o json | sed -n 's/.*"auditLog": *"\([^"]*\)".*/\1/p')"
fi
exit "$failed"
