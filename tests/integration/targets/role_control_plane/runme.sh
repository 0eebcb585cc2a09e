#!/usr/bin/env bash
# The role on a second host: namespaces of this test's own, reached over ssh, with a user, home and processes of their own.
# The host is connected to this one by a pair of virtual interfaces, which stands for the network between them.
set -euo pipefail

export PATH=$PATH:/usr/sbin:/sbin
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0 ANSIBLE_STDOUT_CALLBACK=default ANSIBLE_CALLBACK_RESULT_FORMAT=yaml
# ansible-test wants one for every host; the second host's is to be discovered, as is usual.
export ANSIBLE_PYTHON_INTERPRETER=auto_silent
user=kwok-second
uid=60203
python=${ANSIBLE_TEST_PYTHON_INTERPRETER:-python3}

skip() {
    echo "SKIPPED role_control_plane: $1"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "making namespaces and interfaces needs root"
for tool in hostname ip mount nsenter ps setpriv ss ssh ssh-keygen sshd unshare; do
    command -v "$tool" > /dev/null || skip "$tool is missing (Debian: apt-get install iproute2 openssh-client openssh-server procps util-linux)"
done
unshare --net --mount --pid --fork --uts --mount-proc true || skip "this environment does not allow namespaces"
# The second host shares this one's /usr but not root's home: the Python must be one that any user can run.
system_python=$(PATH=/usr/local/bin:/usr/bin:/bin command -v python3) || skip "there is no python3 for all users"
version=$(setpriv --reuid $uid --clear-groups env -i "$system_python" -c '
import ensurepip, sys
assert sys.version_info >= (3, 11)
print("%d.%d" % sys.version_info[:2])
') || skip "$system_python is older than 3.11 or has no ensurepip (Debian: apt-get install python3-venv)"

# Waits ten seconds at most until a command succeeds.
await() {
    for _ in {1..100}; do
        ! "$@" || return 0
        sleep 0.1
    done
    echo "in vain: $*"
    cat "$work/second.log"
    return 1
}

# A name and a /30 for this run alone: two runs at once have different process ids.
third=$(($$ / 64 % 256))
base=$(($$ % 64 * 4))
here_address=10.203.$third.$((base + 1))
second_address=10.203.$third.$((base + 2))
here_link=kws$$
second_link=kwr$$

work=$(mktemp -d /tmp/kwok-sim-second.XXXXXX)
chmod 0755 "$work"
holder=
init=
clean_up() {
    status=$?
    set +e
    # The first process of a process namespace takes all others with it. The interface would follow a little later.
    [ -z "$init" ] || kill -KILL "$init"
    ip link delete "$here_link"
    [ -z "$holder" ] || wait "$holder"
    rm -rf "$work"
    exit "$status"
} 2> /dev/null
trap clean_up EXIT

# The user, for the second host alone.
home=$work/home
mkdir -m 0700 "$home"
{ cat /etc/passwd; echo "$user:*:$uid:$uid::$home:/bin/bash"; } > "$work/passwd"
{ cat /etc/group; echo "$user:*:$uid:"; } > "$work/group"
chown $uid:$uid "$home"

# Keys and configurations of both ends of ssh.
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$work/client_key"
mkdir -m 0755 "$work/authorized"
cp "$work/client_key.pub" "$work/authorized/keys"
echo "[127.0.0.2]:2222 $(cut -d ' ' -f 1,2 "$work/host_key.pub")" > "$work/known_hosts"
cat > "$work/sshd_config" <<END
ListenAddress 127.0.0.2:2222
HostKey $work/host_key
AuthorizedKeysFile $work/authorized/keys
AllowUsers $user
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
PrintMotd no
Subsystem sftp internal-sftp
END

unshare --net --mount --pid --fork --uts --mount-proc --kill-child \
    bash "$PWD/second-host.sh" "$work" "$second_link" "$second_address/30" > "$work/second.log" 2>&1 &
holder=$!
# Its first process; the namespaces are there once they differ from ours.
find_init() {
    init=$(tr -d ' ' < "/proc/$holder/task/$holder/children") && [ -n "$init" ] &&
        [ "$(readlink "/proc/$init/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
await find_init
ip link add "$here_link" type veth peer name "$second_link" netns "$init"
ip address add "$here_address/30" dev "$here_link"
ip link set "$here_link" up
await test -e "$work/ready"

cat > "$work/inventory.yml" <<END
all:
  vars:
    ansible_host: 127.0.0.2
    ansible_port: 2222
    ansible_user: $user
    ansible_ssh_private_key_file: $work/client_key
    ansible_ssh_common_args: >-
      -o UserKnownHostsFile=$work/known_hosts -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
      -o ProxyCommand="bash $PWD/through.sh $init %h %p"
    ansible_control_path_dir: $work/control
    # The second host cannot reach a package index.
    control_plane_pip_arguments: &without_index [--no-index, --find-links, $work/wheels]
    controller_pip_arguments: *without_index
simulation:
  hosts:
    second:
      control_plane_fetch_kubeconfig: true
      control_plane_fetched_kubeconfig: $work/fetched/{host}-{cluster}.yaml
      control_plane_fetched_address: $second_address
      control_plane_defaults:
        wait_timeout: 300
      control_plane_clusters:
        - name: open
          bind_address: 0.0.0.0
          kube_apiserver_cert_sans: [$second_address]
        - name: closed
      simulation_nodes: 4
      simulation_pods: 12
      simulation_deployments: 2
      # They would have to be built without a network.
      jaeger_enabled: false
      prometheus_enabled: false
END

# The same host by other names, each with something wrong in its variables.
cat > "$work/refusals.yml" <<END
refusals:
  hosts:
    same-names:
      control_plane_clusters: [{name: same}, {name: same}]
      test_message: two clusters of same-names have the same name
    no-label:
      control_plane_clusters: [{name: No_Label}]
      test_message: No_Label is no DNS label
    unknown-option:
      control_plane_clusters: [{name: kwok, no_such_option: 1}]
      test_message: no_such_option
    full-disk:
      control_plane_min_free_mib: 1000000000
      test_message: "control_plane_min_free_mib: 1000000000 MiB are wanted"
    no-python:
      control_plane_python: /usr/bin/false
      test_message: "control_plane_python: /usr/bin/false is missing"
    nothing-installed:
      control_plane_install: false
      test_message: control_plane_install is false
    untrusted-name:
      control_plane_clusters: [{name: kwok, bind_address: 0.0.0.0}]
      control_plane_fetch_kubeconfig: true
      control_plane_fetched_address: elsewhere.example
      test_message: Add elsewhere.example to kube_apiserver_cert_sans
END

playbook() {
    ansible-playbook -i "$work/inventory.yml" -i "$work/refusals.yml" -e "kwok_hosts=simulation test_work=$work test_home=$home test_user=$user test_uid=$uid" "$@"
}

# A playbook's run in which nothing may change.
unchanged() {
    playbook "$@" | tee "$work/output"
    grep -E '^second .* changed=0 .* failed=0 ' "$work/output"
}

stage() {
    printf '\n##### %s (%s s)\n' "$1" "$SECONDS"
}

stage "Wheels for Python $version and executables for the second host"
IFS=: read -r -a roots <<< "$ANSIBLE_COLLECTIONS_PATH"
for root in "${roots[@]}"; do
    collection=$root/ansible_collections/kwok/sim
    [ ! -f "$collection/controller/pyproject.toml" ] || break
done
# What the roles install there: the modules' packages, and the controller with what builds it.
cat "$collection/roles/control_plane/files/requirements.txt" > "$work/requirements.txt"
"$python" -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)
print(*project["build-system"]["requires"], *project["project"]["dependencies"], sep="\n")
' "$collection/controller/pyproject.toml" >> "$work/requirements.txt"
# Kept for the next run: choosing and fetching them takes a minute.
wheels=${XDG_CACHE_HOME:-$HOME/.cache}/kwok-sim/test-wheels/$version-$(sha256sum < "$work/requirements.txt" | cut -c 1-16)
if [ ! -d "$wheels" ]; then
    "$python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --python-version "$version" \
        --requirement "$work/requirements.txt" --dest "$work/wheels"
    mkdir -p "$(dirname "$wheels")"
    cp -R "$work/wheels" "$wheels.$$"
    mv -T "$wheels.$$" "$wheels" || rm -rf "$wheels.$$"
else
    cp -R "$wheels" "$work/wheels"
fi
playbook prepare.yml "$@"

stage "Bad input is refused before anything is touched"
# They are meant to fail: JUnit would count them as failures of the target.
JUNIT_OUTPUT_DIR="$work/expected" playbook refusals.yml "$@"

stage "Check mode changes nothing"
playbook kwok.sim.site --check "$@"
[ ! -e "$home/.local" ]

stage "Two clusters"
playbook kwok.sim.site "$@"

stage "Two clusters, once more"
unchanged kwok.sim.site "$@"

stage "What is reachable from where, and what was left alone"
playbook verify.yml "$@"

stage "Teardown"
playbook kwok.sim.teardown "$@"
unchanged kwok.sim.teardown "$@"
playbook gone.yml "$@"
stage "Passed"
