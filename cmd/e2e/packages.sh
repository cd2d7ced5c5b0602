#!/bin/bash
# packages.sh NAME...: installs the distribution packages that are missing, without what they merely recommend. A NAME like a|b means the first that
# the distribution has. When all are there nothing is done and no network is needed.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
offered() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

missing=()
for name in "$@"; do
	found=
	for each in ${name//|/ }; do installed "$each" && found=1 && break; done
	[ -n "$found" ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "This is no Debian or Ubuntu: install ${missing[*]} by hand." >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "Packages are missing: run sudo apt-get install ${missing[*]//|*/}" >&2
	exit 1
fi
echo "Installing: ${missing[*]}" >&2
apt-get -qq update
chosen=()
for name in "${missing[@]}"; do
	for each in ${name//|/ }; do offered "$each" && break; done
	chosen+=("$each")
done
# Without a standard input: a package that asks a question in spite of the frontend must not hang a machine.
apt-get -qq install --no-install-recommends -o DPkg::Lock::Timeout=300 -y "${chosen[@]}" </dev/null >&2
