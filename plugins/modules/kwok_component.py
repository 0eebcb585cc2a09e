#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_component
short_description: Join one more component to a simulated cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Runs a program of the user's choice as a part of a cluster that M(kwok.sim.kwok_cluster) made, on whatever runtime the cluster has - a
    controller under test, a metrics server, a monitoring stack. It starts and stops with the cluster and is removed with it.
  - Can give it an identity of its own towards the apiserver - a certificate and a kubeconfig for a user and groups, with roles - and a
    certificate to serve with.
  - In O(args), O(env) and the content of O(files), C($(NAME)) is replaced, as in a container of Kubernetes. Known are E(CLUSTER_NAME),
    E(COMPONENT_DIR), E(LISTEN_ADDRESS), E(SERVER_URL), E(CA_FILE), E(PORT_NAME) for each of O(ports) with its name in upper case and
    C(-) as C(_); with O(identity) E(KUBECONFIG), E(CLIENT_CERT_FILE), E(CLIENT_KEY_FILE); with O(identity.service_account)
    E(SERVICE_ACCOUNT); with O(server_certificate) E(SERVER_CERT_FILE), E(SERVER_KEY_FILE).
    C($$(NAME)) stands for the text C($(NAME)).
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
    support: partial
    details: With O(state=restarted) it restarts at every run.
options:
  cluster:
    description: Name of the cluster.
    type: str
    default: kwok
  name:
    description: Name of the component, a DNS label, unique in the cluster.
    type: str
    required: true
  state:
    description:
      - V(started) - it is there as the options say, runs, and is ready.
      - V(present) - it is there as the options say; it goes on running or stays stopped.
      - V(stopped) - it does not run; changed options are taken up at its next start.
      - V(restarted) - as V(started), and its process is a new one.
      - V(absent) - it is gone, with its files, certificates and roles. All options but O(cluster), O(name) and O(base_dir) are ignored.
    type: str
    choices: [present, started, stopped, restarted, absent]
    default: started
  executable:
    description:
      - The program - a path, or a name that is found on E(PATH). Required unless O(state=absent) or, in a container, O(image) is given.
      - In a container it is all that there is, so that it must need no libraries.
      - When it changes on disk, the next run restarts the component.
    type: path
  image:
    description:
      - An image that its container is made of, in the place of O(executable). Clusters of the runtime V(binary) leave it out of account.
      - One that is not there is got from its registry. Its entry point gets O(args).
    type: str
  version:
    description: The program's version, for people.
    type: str
  args:
    description: Arguments after the program's name.
    type: list
    elements: str
    default: []
  env:
    description: Environment variables, beside E(PATH), E(HOME), E(LANG) and E(TMPDIR).
    type: dict
    default: {}
  files:
    description: Files that it reads, in its own directory, E(COMPONENT_DIR).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path below E(COMPONENT_DIR).
        type: str
        required: true
      content:
        description: The text.
        type: str
        required: true
      mode:
        description: Permissions in octal.
        type: str
        default: '0600'
      sensitive:
        description: Whether the text is kept out of diffs and results.
        type: bool
        default: false
      expand:
        description: Whether C($(NAME)) is replaced in the text.
        type: bool
        default: true
  ports:
    description: TCP ports that it listens on.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the port, a DNS label.
        type: str
        required: true
      number:
        description: The port. V(0) has a free one chosen once and kept.
        type: int
        default: 0
      host:
        description: The address it listens on; of a container, the one on which the port is published.
        type: str
        default: 127.0.0.1
  depends_on:
    description: Components of the cluster that must be ready before it starts.
    type: list
    elements: str
    default: [kube-apiserver]
  readiness:
    description: Where it says that it is ready. If omitted, it counts as ready as soon as it runs.
    type: dict
    suboptions: &endpoint
      port:
        description: Name of one of O(ports).
        type: str
        required: true
      path:
        description: Path on its server.
        type: str
        required: true
      scheme:
        description:
          - Protocol. With V(https), it must serve with a certificate of the cluster's authority, see O(server_certificate), and is asked
            with a certificate of the group C(system:monitoring).
        type: str
        choices: [http, https]
        default: http
  metrics:
    description: Where Prometheus can scrape it.
    type: dict
    suboptions: *endpoint
  identity:
    description: Who it is to the apiserver. If omitted, it gets no credentials.
    type: dict
    suboptions:
      user:
        description: User name. If omitted, C(kwok-sim:NAME).
        type: str
      groups:
        description: Groups of the user.
        type: list
        elements: str
        default: []
      service_account:
        description:
          - Whether it has a ServiceAccount C(kwok-sim-NAME) in the namespace C(kube-system) as well, with the same rights, and the user may
            ask for its tokens. E(SERVICE_ACCOUNT) is its namespace and name, as C(kube-system/kwok-sim-NAME).
          - An apiserver verifies a client certificate anew with every request, and remembers a token for a while; for a component that
            sends thousands, tokens spare it work.
        type: bool
        default: false
      priority_level:
        description:
          - The PriorityLevelConfiguration of the apiserver that its requests belong to, as V(exempt) or V(workload-high), by a FlowSchema
            C(kwok-sim-NAME).
          - If omitted, that of all users.
        type: str
      cluster_roles:
        description: ClusterRoles that the user is bound to.
        type: list
        elements: str
        default: []
      rules:
        description: Rules of a ClusterRole of its own, C(kwok-sim:NAME), that the user is bound to.
        type: list
        elements: dict
        default: []
        suboptions:
          api_groups:
            description: API groups; V("") is the core group.
            type: list
            elements: str
          resources:
            description: Resources, also C(RESOURCE/SUBRESOURCE).
            type: list
            elements: str
          resource_names:
            description: Names of objects; if omitted, all.
            type: list
            elements: str
          non_resource_urls:
            description: Paths that are no resources.
            type: list
            elements: str
          verbs:
            description: Verbs.
            type: list
            elements: str
            required: true
  server_certificate:
    description:
      - Has a certificate issued for it to serve with, by the cluster's authority, for C(localhost), loopback and these names and addresses.
    type: dict
    suboptions:
      names:
        description: DNS names.
        type: list
        elements: str
        default: []
      addresses:
        description: IP addresses.
        type: list
        elements: str
        default: []
  stop_timeout:
    description: Seconds that it has to end after SIGTERM, before SIGKILL.
    type: int
    default: 30
  reload:
    description:
      - Says that it reads its O(files) again when it is told to. Where nothing but these differ, its process goes on running and is sent
        a signal, if it is ready; one that is not is restarted.
      - The kubeconfig of its O(identity) is none of these files. If omitted, it is restarted whatever differs.
    type: dict
    suboptions:
      signal:
        description: The signal, without C(SIG).
        type: str
        choices: [HUP, USR1, USR2]
        default: HUP
seealso:
  - module: kwok.sim.kwok_cluster
"""

EXAMPLES = r"""
- name: Have a cluster
  kwok.sim.kwok_cluster:
    name: demo

- name: Join a small web server that reports ready
  kwok.sim.kwok_component:
    cluster: demo
    name: web
    executable: python3
    args: [-m, http.server, --bind, 127.0.0.1, --directory, $(COMPONENT_DIR), $(PORT_HTTP)]
    files:
      - path: healthz
        content: ok
    ports:
      - name: http
    readiness:
      port: http
      path: /healthz

- name: Get a program that watches pods
  kwok.sim.kwok_artifact:
    name: kubectl
  register: kubectl

- name: Join it as a controller under test, with an identity of its own
  kwok.sim.kwok_component:
    cluster: demo
    name: watcher
    executable: "{{ kubectl.path }}"
    args: [get, pods, --all-namespaces, --watch]
    identity:
      user: watcher
      rules:
        - api_groups: [""]
          resources: [pods]
          verbs: [get, list, watch]

- name: Take it out again
  kwok.sim.kwok_component:
    cluster: demo
    name: watcher
    state: absent
"""

RETURN = r"""
component:
  description: The component as it is after the run; in check mode, as it is before. Not returned for one that is not there.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: web
    version:
      description: Its version; empty where unknown.
      type: str
      returned: always
      sample: 1.0.0
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
      sample: /usr/bin/python3
    ports:
      description: Its ports by name.
      type: dict
      returned: always
      sample:
        http: 32761
    log_path:
      description: Where its output goes; in a container, the command that shows it.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/demo/logs/web.log
    metrics:
      description: URL of its metrics, if it has any.
      type: str
      returned: always
      sample: http://127.0.0.1:32761/metrics
    owner:
      description: C(component).
      type: str
      returned: always
      sample: component
    directory:
      description: Its own directory.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/demo/components/web
    kubeconfig:
      description: Path of its kubeconfig, if it has an identity.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/demo/components/web/kubeconfig.yaml
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
      sample: restart
    kind:
      description: C(certificate), C(component) or C(rbac).
      type: str
      returned: always
      sample: component
    name:
      description: Which one.
      type: str
      returned: always
      sample: web
    reason:
      description: Why.
      type: str
      returned: always
      sample: was asked for
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.joined import COMPONENT_ARGUMENTS
from ansible_collections.kwok.sim.plugins.module_utils._cluster.joining import component_result, join, leave
from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import check_name


def main() -> None:
    """Run the module."""
    module = SimModule(COMPONENT_ARGUMENTS)
    with module.errors():
        params = module.params
        layout = layout_of(params["base_dir"], check_name(params["cluster"], "cluster"))
        name = check_name(params["name"])
        outcome = leave(layout, name, module.mode) if params["state"] == "absent" else join(layout, params, module.mode)
        module.exit_with(outcome, **component_result(outcome, layout, name))


if __name__ == "__main__":
    main()
