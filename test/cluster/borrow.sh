# What scripts share that run on a cluster with charts from this tree. They read it with `.`, and have set CLUSTER, HELM and IMAGES, which say
# where these are, NAME, the cluster's, KEEP, not empty where it is to stay up, and root, this tree.

step() { printf '== %s\n' "$*"; }

# borrow brings a cluster of two nodes up, or takes the one that is up. It is taken down when the script ends, unless it was up before.
borrow() {
	step "A cluster named $NAME, of two nodes"
	"$CLUSTER" list | grep -q "^$NAME  *Running" && KEEP=1
	trap give_back EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"$CLUSTER" up --name "$NAME" --nodes 2
}

give_back() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$KEEP" ]; then
		step "The cluster $NAME stays up. Look around: $CLUSTER shell --name $NAME ; take it down: $CLUSTER down --name $NAME"
	else
		"$CLUSTER" down --name "$NAME" || [ "$status" -ne 0 ]
	fi
	exit "$status"
}

# inside COMMAND: on the cluster's network.
inside() { "$CLUSTER" exec --name "$NAME" -- "$@"; }

# install NAME [FLAGS]: the chart of that name. A new image under the same tag makes new pods.
install() {
	name=$1
	shift
	image=$(cksum <"$IMAGES/$(echo "$name" | tr -d -)".tar | tr ' ' -)
	inside "$HELM" upgrade --install "$name" "$root/charts/$name" --namespace cloudgate-system --create-namespace \
		--set image.tag=dev --set-string podAnnotations.image="$image" --wait --timeout 3m "$@" >/dev/null
}

# audit_log prints where the API server writes what it was asked.
audit_log() { "$CLUSTER" status --name "$NAME" -o json | sed -n 's/.*"auditLog": *"\([^"]*\)".*/\1/p'; }
