#!/usr/bin/env bash
# Install the named Debian packages that are missing, where this user can; else say which ones a test will miss.
# Usage: system_packages.sh PACKAGE...
set -euo pipefail

command -v dpkg-query >/dev/null || exit 0
missing=()
for package in "$@"; do
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)" == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

if [[ "$(id -u)" != 0 ]]; then
    echo "Not installed, and only root can install them: ${missing[*]}. Tests that need them are skipped or fail."
    exit 0
fi

echo "Installing ${missing[*]}"
# The tests start servers of their own on addresses of their own: the packages' services must not be started.
policy=/usr/sbin/policy-rc.d
if [[ ! -e "$policy" ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
fi
install=(apt-get install --yes --quiet --no-install-recommends "${missing[@]}")
export DEBIAN_FRONTEND=noninteractive
"${install[@]}" </dev/null || { apt-get update --quiet && "${install[@]}" </dev/null; }
