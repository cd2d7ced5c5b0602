#!/bin/bash
# find-go.sh [ROOT]: prints the path of a Go that can build this module, looking also where sudo hides it: sudo resets PATH, and Go is often
# unpacked by hand. ROOT is put before every place outside PATH, for tests. Exit status 1 and one sentence if there is none.
set -uo pipefail
root=${1:-}
module=$(cd "$(dirname "$0")/../.." && pwd)
need=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' "$module/go.mod")

at_least() { # at_least HAVE WANT
	[ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

home=$(getent passwd "${SUDO_USER:-$(id -un)}" | cut -d: -f6)
shopt -s nullglob
candidates=()
in_path=$(command -v go) && candidates+=("$in_path")
candidates+=("$root"/usr/local/go/bin/go "$root"/usr/lib/go-*/bin/go "$root$home"/go/bin/go "$root$home"/sdk/*/bin/go
	"$root$home"/.local/go/bin/go "$root"/snap/bin/go)

# First one that is new enough itself. Then one that fetches the toolchain go.mod asks for: Go does so since 1.21, unless it was told not to.
for toolchain in local auto; do
	for go in "${candidates[@]}"; do
		[ -x "$go" ] || continue
		have=$(cd "$module" && GOTOOLCHAIN=$toolchain "$go" env GOVERSION 2>/dev/null) || continue
		at_least "${have#go}" "$need" || continue
		echo "$go"
		exit 0
	done
done
echo "No Go $need or newer is found: install it with 'apt-get install golang-go' (Debian 13, Ubuntu 25.04), or unpack https://go.dev/dl/ into /usr/local/go." >&2
exit 1
