#!/usr/bin/env bash
# Init of the second host. Runs in network, mount, process and host name namespaces of its own, as their first process:
# whatever runs in the second host ends with it.
#   second-host.sh WORK LINK ADDRESS/PREFIX
set -euo pipefail

work=$1 link=$2 address=$3

hostname second
# A user and a place for sshd's own files that nobody else sees.
mount --bind "$work/passwd" /etc/passwd
mount --bind "$work/group" /etc/group
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/sshd

ip link set lo up
until ip link show "$link" > /dev/null 2>&1; do sleep 0.1; done
ip address add "$address" dev "$link"
ip link set "$link" up

cd /
env -i PATH=/usr/local/bin:/usr/bin:/bin /usr/sbin/sshd -D -e -f "$work/sshd_config" &
touch "$work/ready"
# Ends with sshd; until then bash reaps what its parents left behind.
wait $!
