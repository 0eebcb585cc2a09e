#!/usr/bin/env bash
# ssh's way to a port on the loopback address of the second host: relays standard input and output, and ends when the server does.
#   through.sh PID-OF-INIT ADDRESS PORT
set -euo pipefail

# shellcheck disable=SC2016
exec nsenter --target "$1" --net bash -c '
    exec 3<> "/dev/tcp/$1/$2" 4<&0
    cat <&4 >&3 &
    cat <&3
    kill $!
' relay "$2" "$3"
