#!/bin/sh
# Usage: fuzz.sh GO DURATION  Runs every fuzz target of the module for DURATION, one after the other.
set -eu
go=$1 duration=$2
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
	for target in $(grep -h '^func Fuzz' "$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do
		echo "== $dir $target"
		"$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$dir" < /dev/null
	done
done
