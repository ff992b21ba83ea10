#!/bin/sh
# Usage: verify-generated.sh COMMAND...  Runs COMMAND, which writes generated files, and fails when a file changed by it.
# Compares with the files as they are, not as they are committed, so that it can be used before a commit; and not by git, which may
# refuse to look at somebody else's clone.
set -eu
before=$(mktemp) after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
sums() { find . -type f ! -path './.git/*' ! -path './.cache/*' ! -path './bin/*' -exec cksum {} + | sort; }
sums > "$before"
"$@"
sums > "$after"
if ! diff "$before" "$after" > /dev/null; then
	echo "Generated files were out of date. They are written anew; look at them and commit them:"
	diff "$before" "$after" | awk '/^>/ {print "  " $4}'
	exit 1
fi
