#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_cluster
short_description: Make, change, start, stop and remove a simulated Kubernetes cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Makes a real Kubernetes control plane desired state - C(etcd), C(kube-apiserver), C(kube-controller-manager) and C(kube-scheduler),
    each as its own program, on loopback, with a public-key infrastructure of its own. There is no kubelet - nodes and pods are simulated.
  - A second run changes nothing. An edited option changes what depends on it, and nothing else. What was killed or edited by hand is
    found and repaired. An interrupted run is completed by the next one.
  - The executables come from the sources in O(artifact_sources). M(kwok.sim.kwok_artifact) fetches them one by one beforehand, so that
    a first run that builds them can be followed.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
  - kwok.sim.wait
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the cluster, a DNS label. Several clusters live side by side.
    type: str
    default: kwok
  state:
    description:
      - V(started) - the cluster is there as the options say, runs, and is ready.
      - V(present) - the cluster is there as the options say; what runs goes on running, what is stopped stays stopped.
      - V(stopped) - nothing of it runs; its objects are kept. All options but O(name), O(base_dir) and O(wait_timeout) are ignored.
      - V(absent) - nothing of it is left, whatever state it is in. All options but O(name), O(base_dir) and O(wait_timeout) are ignored;
        where the cluster's record is damaged, its context is looked for in O(kubeconfig).
    type: str
    choices: [present, started, stopped, absent]
    default: started
  runtime:
    description:
      - What runs the components. V(binary) runs them as processes of the user under C(supervisor), which restarts what dies.
      - V(docker) and V(podman) run each in a container of an image that is made of its executable alone, or of one of O(images), in a
        network of the cluster's own.
        What it listens on is published on O(bind_address), under the same port. They need the Python package of the same name, and
        programs that are linked statically, as those of the cache, a release or a build are.
      - V(auto) takes the first of V(docker), V(podman) and V(binary) that works for a new cluster, and says in RV(changes) why those
        before it do not; an existing cluster keeps what it has.
      - Cannot change in place.
    type: str
    choices: [binary, docker, podman, auto]
    default: binary
  runtime_endpoint:
    description:
      - Where V(docker) or V(podman) is reached, a socket of this host, as V(unix:///run/user/1000/docker.sock).
      - If omitted, an existing cluster keeps what it has. For a new one it is E(DOCKER_HOST) or E(CONTAINER_HOST), docker's current
        context, the user's own socket, or that of the host.
      - Cannot change in place.
    type: str
  kube_version:
    description:
      - Version of Kubernetes, V(v1.25.0) or newer.
      - An older minor version than the cluster has cannot be had in place.
    type: str
    default: v1.36.3
  etcd_version:
    description:
      - Version of etcd. An older minor version than the cluster has cannot be had in place.
    type: str
    default: v3.6.5
  disable:
    description:
      - Components not to run, of C(kube-controller-manager) and C(kube-scheduler).
    type: list
    elements: str
    default: []
  bind_address:
    description:
      - Address on which the apiserver listens. The others listen on it, too, unless it is V(0.0.0.0) or V(::); then they stay on loopback.
      - Anything but loopback opens the apiserver to the network; it still asks every client for a certificate or token.
    type: str
    default: 127.0.0.1
  etcd_port:
    description: Port of etcd for clients. If omitted or V(0), the cluster keeps the port it has; a new cluster gets a free one.
    type: int
  etcd_peer_port:
    description: Port of etcd for members. If omitted or V(0), as for O(etcd_port).
    type: int
  etcd_metrics_port:
    description: Port of etcd for metrics and health, always on loopback. If omitted or V(0), as for O(etcd_port).
    type: int
  kube_apiserver_port:
    description: Port of the apiserver. If omitted or V(0), as for O(etcd_port).
    type: int
  kube_controller_manager_port:
    description: Port of the controller manager for metrics and health. If omitted or V(0), as for O(etcd_port).
    type: int
  kube_scheduler_port:
    description: Port of the scheduler for metrics and health. If omitted or V(0), as for O(etcd_port).
    type: int
  kube_apiserver_cert_sans:
    description:
      - Names and addresses by which clients reach the apiserver, beside C(localhost), loopback and O(bind_address).
      - Its certificate carries them all.
    type: list
    elements: str
    default: []
  kube_feature_gates:
    description:
      - Feature gates from name to truth value, for all Kubernetes components, which are restarted when one changes.
      - C(COMPONENT:NAME), such as C(kube-apiserver:ClusterTrustBundle), sets a gate for one component alone, which alone is restarted.
    type: dict
    default: {}
  kube_runtime_config:
    description:
      - APIs to switch on or off, as C(kube-apiserver --runtime-config) takes them, such as V(api/all) to V(true).
    type: dict
    default: {}
  extra_args:
    description:
      - Command-line flags per component, of C(etcd), C(kube-apiserver), C(kube-controller-manager) and C(kube-scheduler).
      - Each is a dictionary from the name of a flag, without dashes in front, to its value. A value adds the flag or replaces the one that
        the collection sets; a list gives the flag several times; C(null) removes it.
      - A flag that the program does not know, and one that an option of this module sets, is refused.
    type: dict
    default: {}
  kube_scheduler_config:
    description:
      - A C(KubeSchedulerConfiguration). C(apiVersion) and C(kind) may be left out; the connection to the apiserver is filled in.
    type: dict
  kube_audit_policy:
    description:
      - A C(Policy) of C(audit.k8s.io/v1). The apiserver then writes C(logs/audit.log) in the cluster's directory, of 100 MB at most, and
        keeps three older ones.
    type: dict
  tracing:
    description:
      - Where etcd and the apiserver send traces of what they do, by OTLP over gRPC without TLS. They are restarted when it changes. If
        omitted, they send none.
      - Nobody has to listen there yet. What is sent meanwhile is lost, and nothing else is disturbed.
      - From 1.33 on the apiserver goes on with the traces of those who ask as members of the groups C(system:masters) and
        C(system:monitoring); of others it begins new ones. etcd takes part from 3.5.11 on.
    type: dict
    suboptions:
      endpoint:
        description:
          - C(HOST:PORT) of the receiver.
          - If empty, a free port on loopback is chosen once and kept, at which the role P(kwok.sim.jaeger#role) has Jaeger listen.
          - Containers do not reach loopback. For these, an address that they reach must be given, or the name of a component.
        type: str
        default: ""
      sampling_rate_per_million:
        description:
          - How many of a million requests are traced. Those that are a part of a trace already are, if it is, whatever the rate.
        type: int
        default: 0
  kube_authorization:
    description:
      - Whether the apiserver authorizes, by Node and RBAC. Without it, every client that has a certificate of the cluster may do anything.
    type: bool
    default: true
  kube_admission:
    description:
      - Whether the apiserver runs its admission plugins.
    type: bool
    default: true
  etcd_prefix:
    description:
      - Prefix of all of the apiserver's keys in etcd. Cannot change in place.
    type: str
    default: /registry
  etcd_quota_backend_size:
    description:
      - How large etcd's database may become, as V(8Gi) or V(500Mi) or in bytes. 8 GiB is what etcd recommends as the most.
    type: str
    default: 8Gi
  etcd_fsync:
    description:
      - Whether etcd waits until the disk has what it writes. Without it, objects survive the end of every process, SIGKILL included,
        but maybe not a crash of the host.
    type: bool
    default: false
  disable_qps_limits:
    description:
      - Whether to lift the limits of 20 and 50 requests a second that the controller manager and the scheduler put on themselves.
    type: bool
    default: true
  priority_and_fairness:
    description:
      - Whether the apiserver queues requests by priority and fairness. If V(false), it takes as many at once as come.
    type: bool
    default: true
  go_gc:
    description:
      - Target of Go's garbage collector in percent (E(GOGC)) for all components. Go's own default is V(100).
      - More memory for less CPU time - measured, an eighth less CPU and a sixth more memory for an apiserver that starts.
    type: int
    default: 200
  heartbeat_factor:
    description:
      - Factor on C(--node-monitor-grace-period) of the controller manager, which is how long a node may be silent (50 s times this).
      - With thousands of nodes, rarer heartbeats spare the apiserver; the grace period must grow with their interval.
    type: float
    default: 1.0
  node_monitor_factor:
    description:
      - Factor on C(--node-monitor-period) of the controller manager, which is how often it looks at all nodes (5 s times this).
    type: float
    default: 1.0
  certificate_validity_days:
    description:
      - For how many days certificates are issued. They are renewed by the first run that finds less than a third of their lifetime left.
    type: int
    default: 365
  kubeconfig:
    description:
      - A file to write the administrator's kubeconfig to, beside the one in the cluster's directory (RV(cluster.kubeconfig)).
      - A file that holds contexts of other clusters is refused unless O(kubeconfig_merge=true).
    type: path
  kubeconfig_merge:
    description:
      - Whether to add the cluster's context to what O(kubeconfig) holds. Its other contexts, and its current context, stay as they are.
      - With O(state=absent), and when O(kubeconfig) changes, the context is taken out again.
    type: bool
    default: false
  kubeconfig_set_current_context:
    description:
      - Whether the cluster's context becomes the current one in O(kubeconfig). In a file of its own it always is.
    type: bool
    default: false
  executables:
    description:
      - Executables of the user's own, from C(etcd), C(etcdctl), C(kube-apiserver), C(kube-controller-manager), C(kube-scheduler) or
        C(kubectl) to a path. One that changes on disk restarts its component.
    type: dict
    default: {}
  images:
    description:
      - Images for containers in the place of executables, from C(etcd), C(kube-apiserver), C(kube-controller-manager) or C(kube-scheduler)
        to a reference, such as V(registry.k8s.io/kube-apiserver:v1.36.3). One that is not there is got from its registry.
      - It must hold a program of the component's name on its E(PATH), of the version that O(kube_version) or O(etcd_version) says.
    type: dict
    default: {}
  artifact_sources:
    description:
      - Where to look for executables, in this order. V(path) is O(executables), V(cache) what was had before, V(download) a release
        with its published checksum, V(build) a build from the Go module proxy.
    type: list
    elements: str
    choices: [path, cache, download, build]
    default: [path, cache, download, build]
  artifact_mirrors:
    description:
      - Prefixes in the place of the release sites', from the name of an executable to a URL, laid out like the original.
    type: dict
    default: {}
  artifact_cache_dir:
    description:
      - Directory in which executables are kept. If omitted, C(kwok-sim/artifacts) in the user's cache directory.
    type: path
  recreate:
    description:
      - Whether a change that cannot be made in place removes the cluster, with all its objects and joined components, and makes it anew.
        If V(false), such a change is refused.
    type: bool
    default: false
seealso:
  - module: kwok.sim.kwok_artifact
  - module: kwok.sim.kwok_kubectl
  - module: kwok.sim.kwok_etcdctl
"""

EXAMPLES = r"""
- name: Have a cluster that runs
  kwok.sim.kwok_cluster:
    name: demo
  register: demo

- name: Say where it is
  ansible.builtin.debug:
    msg: "kubectl --kubeconfig {{ demo.cluster.kubeconfig }} get --raw /readyz"

- name: Switch a feature gate and its API on; only what reads them is restarted
  kwok.sim.kwok_cluster:
    name: demo
    kube_feature_gates:
      ClusterTrustBundle: true
    kube_runtime_config:
      certificates.k8s.io/v1beta1/clustertrustbundles: true

- name: Have a second one with flags of its own, without a scheduler, and in the user's kubeconfig
  kwok.sim.kwok_cluster:
    name: other
    disable: [kube-scheduler]
    extra_args:
      kube-apiserver:
        v: 2
        event-ttl: 10m
    kubeconfig: ~/.kube/config
    kubeconfig_merge: true

- name: Stop a cluster and keep its objects
  kwok.sim.kwok_cluster:
    name: demo
    state: stopped

- name: Remove both
  kwok.sim.kwok_cluster:
    name: "{{ item }}"
    state: absent
  loop: [demo, other]
"""

RETURN = r"""
cluster:
  description: The cluster as it is after the run; in check mode, as it is before. Not returned for a cluster that is not there.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: kwok
    runtime:
      description: What runs it.
      type: str
      returned: always
      sample: binary
    state:
      description: The state last asked for.
      type: str
      returned: always
      sample: started
    directory:
      description: Where all of it is kept.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/kwok
    kubeconfig:
      description: Path of the administrator's kubeconfig.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/kwok/kubeconfig.yaml
    context:
      description: Name of its context there and in O(kubeconfig).
      type: str
      returned: always
      sample: kwok-sim-kwok
    server:
      description: URL of the apiserver on its host.
      type: str
      returned: always
      sample: https://127.0.0.1:32764
    ca_file:
      description: Path of the certificate of the authority that signed the apiserver's certificate.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/kwok/pki/ca.crt
    kube_version:
      description: Version of Kubernetes.
      type: str
      returned: always
      sample: v1.36.3
    etcd_version:
      description: Version of etcd.
      type: str
      returned: always
      sample: v3.6.5
    tracing_endpoint:
      description: Where the control plane sends its traces, C(HOST:PORT); empty if it sends none.
      type: str
      returned: always
      sample: 127.0.0.1:32765
    components:
      description: The components in start order, the joined ones last.
      type: list
      elements: dict
      returned: always
      contains:
        name:
          description: Its name.
          type: str
          returned: always
          sample: kube-apiserver
        version:
          description: The version that its program reports; empty where unknown.
          type: str
          returned: always
          sample: v1.36.3
        status:
          description: C(running), C(starting), C(stopped), C(failed) or C(absent), as the runtime sees it.
          type: str
          returned: always
          sample: running
        pid:
          description: Process id, while it runs; in a container, that of its first process.
          type: int
          returned: always
          sample: 4711
        container_id:
          description: Id of its container, where it runs in one.
          type: str
          returned: always
        executable:
          description: Path of its program, also where an image was made of it.
          type: str
          returned: always
          sample: /home/me/.cache/kwok-sim/artifacts/kube-apiserver/v1.36.3/linux-amd64/kube-apiserver
        ports:
          description: Its ports by name.
          type: dict
          returned: always
          sample:
            https: 32764
        log_path:
          description: Where its output goes; in a container, the command that shows it.
          type: str
          returned: always
          sample: /home/me/.local/share/kwok-sim/clusters/kwok/logs/kube-apiserver.log
        metrics:
          description: URL of its metrics, if it has any.
          type: str
          returned: always
          sample: https://127.0.0.1:32764/metrics
        owner:
          description: C(cluster) for the control plane, C(component) for what M(kwok.sim.kwok_component) joined.
          type: str
          returned: always
          sample: cluster
changes:
  description: What was done, in order; in check mode, what would be done. Empty if nothing was.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: C(create), C(update), C(repair), C(renew), C(start), C(stop), C(restart), C(reload) or C(remove).
      type: str
      returned: always
      sample: update
    kind:
      description: C(cluster), C(certificate), C(component), C(kubeconfig) or C(rbac).
      type: str
      returned: always
      sample: component
    name:
      description: Which one.
      type: str
      returned: always
      sample: kube-apiserver
    reason:
      description: Why.
      type: str
      returned: always
      sample: --feature-gates=ClusterTrustBundle=true added
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.engine import ensure, remove, stop
from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CLUSTER_ARGUMENTS, check_name


def main() -> None:
    """Run the module."""
    module = SimModule(CLUSTER_ARGUMENTS)
    with module.errors():
        params = module.params
        layout = layout_of(params["base_dir"], check_name(params["name"]))
        if params["state"] == "absent":
            outcome = remove(layout, module.mode, params)
        elif params["state"] == "stopped":
            outcome = stop(layout, module.mode)
        else:
            outcome = ensure(layout, params, module.mode)
        module.exit_with(outcome)


if __name__ == "__main__":
    main()
