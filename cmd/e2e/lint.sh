#!/bin/bash
# lint.sh: every linter over the whole tree; run by make lint, with Go in PATH. The versions are pinned here; the programs are built once into
# the cache.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bin=${SYSCTR_CACHE:-$PWD/.cache}/lint
mkdir -p "$bin"
status=0

tool() { # tool MODULE VERSION: prints the path of the program, built if this version is not there
	local name=${1##*/}
	if [ ! -x "$bin/$name-$2" ]; then
		GOBIN=$bin go install "$1@$2" >&2 && mv "$bin/$name" "$bin/$name-$2" || return
	fi
	echo "$bin/$name-$2"
}
check() { # check NAME COMMAND...
	local name=$1
	shift
	echo "-- $name"
	"$@" || status=1
}

check gofmt bash -c 'list=$(gofmt -l .) && [ -z "$list" ] || { echo "not formatted: $list"; exit 1; }'
check vet go vet ./...
if program=$(tool honnef.co/go/tools/cmd/staticcheck v0.8.2); then check staticcheck "$program" ./...; else status=1; fi
if program=$(tool github.com/golangci/golangci-lint/v2/cmd/golangci-lint v2.15.0); then check golangci-lint "$program" run ./...; else status=1; fi
# What it says depends on a database of the day, not on this tree: a machine that cannot reach it has no finding.
if program=$(tool golang.org/x/vuln/cmd/govulncheck v1.1.4) && curl -sfI -m 10 https://vuln.go.dev/index/db.json >/dev/null; then
	check govulncheck "$program" ./...
else
	echo "-- govulncheck: not run, its database cannot be reached"
fi
exit $status
