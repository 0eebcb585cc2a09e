# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Components that a user joins to a cluster: from what ``kwok_component`` is asked for to a Component. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from .._errors import SimError
from .certificate import MAXIMUM_COMMON_NAME_BYTES, CertificateSpec
from .component import Component, ConfigFile, Endpoint, Port
from .components import CA, MONITORING, Facts, inner_server_url, kubeconfig_file, local_address
from .spec import COMMON_ARGUMENTS, CONTROL_PLANE, WAIT_ARGUMENTS, ClusterSpec, check_name, is_dns_name, parse_address

_STRINGS: dict[str, Any] = {"type": "list", "elements": "str"}
_ENDPOINT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "port": {"type": "str", "required": True},
        "path": {"type": "str", "required": True},
        "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    },
}

COMPONENT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "default": "kwok"},
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "started", "choices": ["present", "started", "stopped", "restarted", "absent"]},
    "executable": {"type": "path"},
    "image": {"type": "str"},
    "version": {"type": "str"},
    "args": {**_STRINGS, "default": []},
    "env": {"type": "dict", "default": {}},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0600"},
            "sensitive": {"type": "bool", "default": False},
            "expand": {"type": "bool", "default": True},
        },
    },
    "ports": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "number": {"type": "int", "default": 0},
            "host": {"type": "str", "default": "127.0.0.1"},
        },
    },
    "depends_on": {**_STRINGS, "default": ["kube-apiserver"]},
    "readiness": _ENDPOINT,
    "metrics": _ENDPOINT,
    "identity": {
        "type": "dict",
        "options": {
            "user": {"type": "str"},
            "groups": {**_STRINGS, "default": []},
            "service_account": {"type": "bool", "default": False},
            "priority_level": {"type": "str"},
            "cluster_roles": {**_STRINGS, "default": []},
            "rules": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "api_groups": _STRINGS,
                    "resources": _STRINGS,
                    "resource_names": _STRINGS,
                    "non_resource_urls": _STRINGS,
                    "verbs": {**_STRINGS, "required": True},
                },
            },
        },
    },
    "server_certificate": {"type": "dict", "options": {"names": {**_STRINGS, "default": []}, "addresses": {**_STRINGS, "default": []}}},
    "stop_timeout": {"type": "int", "default": 30},
    "reload": {"type": "dict", "options": {"signal": {"type": "str", "choices": ["HUP", "USR1", "USR2"], "default": "HUP"}}},
    **COMMON_ARGUMENTS,
    **WAIT_ARGUMENTS,
}
"""The argument specification of ``kwok_component``."""

_NOT_DECLARED = ("state", *COMMON_ARGUMENTS, *WAIT_ARGUMENTS)

# Kubernetes' own syntax in a container's command and args: $(NAME) expands, $$(NAME) is left as $(NAME).
_REFERENCE = re.compile(r"\$(\$\([A-Za-z_][A-Za-z0-9_]*\)|\(([A-Za-z_][A-Za-z0-9_]*)\))")
_KUBECONFIG = "kubeconfig.yaml"
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_RBAC = "rbac.authorization.k8s.io"

FLOW_PRECEDENCE = 500
"""Before the FlowSchemas of an apiserver for ServiceAccounts and all others (9000, 9900), after those for the system itself."""

ACCOUNT_NAMESPACE = "kube-system"
"""Where the ServiceAccounts of joined components are."""


def user_of(declaration: Mapping[str, Any]) -> str:
    """The user as whom a joined component with an identity is known to the apiserver."""
    return str(declaration["identity"]["user"] or f"kwok-sim:{declaration['name']}")


def service_account_of(declaration: Mapping[str, Any]) -> str:
    """Name of the ServiceAccount of a joined component, in the namespace ``kube-system``; empty if it has none."""
    # Declarations of earlier versions say nothing of it.
    wanted = (declaration["identity"] or {}).get("service_account")
    return f"kwok-sim-{declaration['name']}" if wanted else ""


def client_certificate(name: str) -> str:
    """Name of the certificate by which a joined component is known to the apiserver."""
    return f"component-{name}-client"


def server_certificate(name: str) -> str:
    """Name of the certificate with which a joined component serves."""
    return f"component-{name}-server"


def port_key(component: str, port: str) -> str:
    """Name of a joined component's port in the record."""
    return f"{component}/{port}"


def declaration_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``kwok_component``'s parameters says how the component should be.

    Raises:
        SimError: Names the first option at fault, and the remedy.
    """
    declaration = {key: value for key, value in params.items() if key not in _NOT_DECLARED}
    check_declaration(declaration)
    return declaration


def check_declaration(declaration: Mapping[str, Any]) -> None:
    """Raise a SimError for the first thing in ``kwok_component``'s parameters that cannot be."""
    name = check_name(declaration["name"])
    if name in CONTROL_PLANE:
        raise SimError(
            f"{name} is a part of the control plane", option="name", remedy="Use kwok.sim.kwok_cluster to change it, or choose another name"
        )
    if not declaration["executable"] and not declaration["image"]:
        raise SimError("is required where no image is given", option="executable", remedy="Give the path of the program")
    _check_unique("ports", [port["name"] for port in declaration["ports"]])
    _check_unique("files", [posixpath.normpath(item["path"]) for item in declaration["files"]])
    for port in declaration["ports"]:
        check_name(port["name"], "ports")
        if not 0 <= port["number"] <= 65535:
            raise SimError(
                f"{port['number']} is no TCP port", option="ports", remedy="Give a number from 1 to 65535, or 0 to have a free one chosen"
            )
    for item in declaration["files"]:
        path = posixpath.normpath(item["path"])
        if path.startswith(("/", "..")) or path == ".":
            raise SimError(
                f"{item['path']!r} is not below the component's directory", option="files", remedy="Give a relative path without .."
            )
        try:
            mode = int(item["mode"], 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o777:
            raise SimError(f"{item['mode']!r} is no mode", option="files", remedy="Write the mode in octal, as '0600'")
        if declaration["identity"] and path == _KUBECONFIG:
            raise SimError(
                f"{item['path']!r} is where the kubeconfig of its identity goes", option="files", remedy="Give this file another path"
            )
    for key in declaration["env"]:
        if not _ENV_NAME.fullmatch(key):
            raise SimError(f"{key!r} is no name of an environment variable", option="env", remedy="Use letters, digits and underscores")
    for option in ("readiness", "metrics"):
        endpoint = declaration[option]
        if endpoint and endpoint["port"] not in {port["name"] for port in declaration["ports"]}:
            raise SimError(f"names the port {endpoint['port']!r}, which is not among ports", option=option, remedy="Name one of ports")
    if name in declaration["depends_on"]:
        raise SimError(f"{name} depends on itself", option="depends_on", remedy="Remove it from the list")
    _check_certificates(declaration)


def check_program(declaration: Mapping[str, Any], spec: ClusterSpec) -> None:
    """Raise a SimError for a component that the cluster's runtime cannot run."""
    if not spec.in_containers and not declaration["executable"]:
        raise SimError(f"is required by the runtime {spec.runtime}", option="executable", remedy="Give the path of the program")


def image_of(declaration: Mapping[str, Any], spec: ClusterSpec) -> str | None:
    """The image that a component is made of; ``None`` where it is made of its executable."""
    return str(declaration["image"]) if spec.in_containers and declaration["image"] else None


def _check_certificates(declaration: Mapping[str, Any]) -> None:
    identity, serving = declaration["identity"], declaration["server_certificate"]
    for text in (user_of(declaration), *identity["groups"]) if identity else ():
        if not 1 <= len(text.encode()) <= MAXIMUM_COMMON_NAME_BYTES:
            raise SimError(
                f"no certificate can carry {text!r}",
                option="identity",
                remedy=f"Give a user and groups of 1 to {MAXIMUM_COMMON_NAME_BYTES} bytes each",
            )
    for text in serving["names"] if serving else ():
        if not is_dns_name(text):
            raise SimError(f"{text!r} is no DNS name", option="server_certificate", remedy="Give names such as sim.example.org")
    for text in serving["addresses"] if serving else ():
        parse_address("server_certificate", text)


def _check_unique(option: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise SimError(f"{value!r} is given twice", option=option, remedy="Give it once")


def certificates(declaration: Mapping[str, Any], spec: ClusterSpec) -> tuple[CertificateSpec, ...]:
    """The certificates that a joined component wants."""
    wanted: list[CertificateSpec] = []
    identity, serving = declaration["identity"], declaration["server_certificate"]
    name, days = declaration["name"], spec.certificate_validity_days
    if identity:
        wanted.append(
            CertificateSpec(
                name=client_certificate(name),
                authority=CA,
                common_name=user_of(declaration),
                organizations=tuple(identity["groups"]),
                usages=("client",),
                validity_days=days,
            )
        )
    if serving:
        wanted.append(
            CertificateSpec(
                name=server_certificate(name),
                authority=CA,
                common_name=name,
                names=tuple(dict.fromkeys(("localhost", *([name] if spec.in_containers else []), *serving["names"]))),
                addresses=tuple(
                    dict.fromkeys(
                        (
                            "127.0.0.1",
                            "::1",
                            local_address(spec),
                            *(parse_address("server_certificate", text) for text in serving["addresses"]),
                        )
                    )
                ),
                usages=("server",),
                validity_days=days,
            )
        )
    return tuple(wanted)


def variables(declaration: Mapping[str, Any], spec: ClusterSpec, facts: Facts) -> dict[str, str]:
    """What ``$(NAME)`` stands for in a component's args, env and files."""
    layout, name = facts.layout, declaration["name"]
    known = {
        "CLUSTER_NAME": spec.name,
        "COMPONENT_DIR": str(layout.component(name)),
        "LISTEN_ADDRESS": "0.0.0.0" if spec.in_containers else "127.0.0.1",
        "SERVER_URL": inner_server_url(spec, facts),
        "CA_FILE": str(layout.certificate(CA)),
    }
    if declaration["identity"]:
        known["KUBECONFIG"] = str(layout.component(name) / _KUBECONFIG)
        known["CLIENT_CERT_FILE"] = str(layout.certificate(client_certificate(name)))
        known["CLIENT_KEY_FILE"] = str(layout.key(client_certificate(name)))
    if service_account_of(declaration):
        known["SERVICE_ACCOUNT"] = f"{ACCOUNT_NAMESPACE}/{service_account_of(declaration)}"
    if declaration["server_certificate"]:
        known["SERVER_CERT_FILE"] = str(layout.certificate(server_certificate(name)))
        known["SERVER_KEY_FILE"] = str(layout.key(server_certificate(name)))
    for port in declaration["ports"]:
        known[port_variable(port["name"])] = str(facts.ports[port_key(name, port["name"])])
    return known


def port_variable(port: str) -> str:
    """Name of the variable that holds a port's number: ``PORT_HTTP`` for ``http``."""
    return "PORT_" + port.upper().replace("-", "_")


def expand(text: str, known: Mapping[str, str], option: str) -> str:
    """``text`` with every ``$(NAME)`` replaced.

    Raises:
        SimError: It refers to a name that there is not.
    """

    def value(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[1]
        if match[2] not in known:
            raise SimError(
                f"$({match[2]}) is not known here",
                option=option,
                remedy=f"Known are {', '.join(sorted(known))}; write $$(NAME) to mean the text",
            )
        return known[match[2]]

    return _REFERENCE.sub(value, text)


def render(declaration: Mapping[str, Any], spec: ClusterSpec, facts: Facts) -> Component:
    """The Component that a declaration asks for.

    Raises:
        SimError: A reference in it cannot be expanded.
    """
    layout, name = facts.layout, declaration["name"]
    known = variables(declaration, spec, facts)
    directory = layout.component(name)
    # Declarations of earlier versions say nothing of it.
    reload = declaration.get("reload")
    files = [
        ConfigFile(
            path=str(directory / item["path"]),
            content=expand(item["content"], known, "files") if item["expand"] else item["content"],
            mode=int(item["mode"], 8),
            sensitive=bool(item["sensitive"]),
            reloaded=bool(reload),
        )
        for item in declaration["files"]
    ]
    env = {key: expand(str(value), known, "env") for key, value in declaration["env"].items()}
    if declaration["identity"]:
        files.append(
            kubeconfig_file(
                known["KUBECONFIG"],
                layout,
                known["SERVER_URL"],
                client_certificate(name),
                spec.context,
                user_of(declaration),
            )
        )
        env.setdefault("KUBECONFIG", known["KUBECONFIG"])
    used = [item.name for item in certificates(declaration, spec)]
    return Component(
        name=name,
        version=facts.versions.get(name) or declaration["version"] or "",
        executable=None if image_of(declaration, spec) else facts.executables.get(name),
        image=image_of(declaration, spec),
        args=tuple(expand(str(text), known, "args") for text in declaration["args"]),
        env=tuple(sorted(env.items())),
        files=tuple(files),
        ports=tuple(Port(port["name"], facts.ports[port_key(name, port["name"])], port["host"]) for port in declaration["ports"]),
        depends_on=tuple(declaration["depends_on"]),
        readiness=_endpoint(declaration, "readiness", facts),
        metrics=_endpoint(declaration, "metrics", facts),
        certificates=(CA, *used) if used else (),
        stop_timeout=declaration["stop_timeout"],
        writes=(str(directory),),
        reload_signal=reload["signal"] if reload else None,
        owner="component",
    )


def _endpoint(declaration: Mapping[str, Any], option: str, facts: Facts) -> Endpoint | None:
    wanted = declaration[option]
    if not wanted:
        return None
    name, layout = declaration["name"], facts.layout
    host = next(port["host"] for port in declaration["ports"] if port["name"] == wanted["port"])
    port = facts.ports[port_key(name, wanted["port"])]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    if wanted["scheme"] == "http":
        return Endpoint("http", host, port, wanted["path"])
    return Endpoint(
        "https", host, port, wanted["path"], str(layout.certificate(CA)), str(layout.certificate(MONITORING)), str(layout.key(MONITORING))
    )


def access_objects(declaration: Mapping[str, Any], spec: ClusterSpec) -> list[dict[str, Any]]:
    """What a component's identity asks for, as Kubernetes objects: its ServiceAccount, roles with bindings, and FlowSchema."""
    identity = declaration["identity"]
    if not identity:
        return []
    name = f"kwok-sim:{declaration['name']}"
    account = service_account_of(declaration)
    labels = {"app.kubernetes.io/managed-by": "kwok.sim", "app.kubernetes.io/name": declaration["name"]}
    subjects = [{"apiGroup": _RBAC, "kind": "User", "name": user_of(declaration)}]
    objects: list[dict[str, Any]] = []
    if account:
        objects += _account_objects(name, account, labels, subjects[0])
        subjects.append({"kind": "ServiceAccount", "name": account, "namespace": ACCOUNT_NAMESPACE})
    if identity["rules"]:
        rules = [{_camel_case(key): value for key, value in rule.items() if value} for rule in identity["rules"]]
        objects.append({"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name, "labels": labels}, "rules": rules})
    objects.extend(
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            # A binding's role cannot be changed: another role is another binding.
            "metadata": {"name": name if role == name else f"{name}:{role}", "labels": labels},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        }
        for role in [*identity["cluster_roles"], *([name] if identity["rules"] else [])]
    )
    if identity.get("priority_level"):
        objects.append(_flow_schema(declaration, labels, account))
    return objects


def _account_objects(name: str, account: str, labels: dict[str, str], user: dict[str, str]) -> list[dict[str, Any]]:
    """A ServiceAccount, and the user's right to ask for its tokens."""
    metadata = {"name": name, "namespace": ACCOUNT_NAMESPACE, "labels": labels}
    tokens = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [account], "verbs": ["create"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {**metadata, "name": account},
            "automountServiceAccountToken": False,
        },
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": [tokens]},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [user],
        },
    ]


def _flow_schema(declaration: Mapping[str, Any], labels: dict[str, str], account: str) -> dict[str, Any]:
    """Which priority level the requests of a component belong to."""
    subjects: list[dict[str, Any]] = [{"kind": "User", "user": {"name": user_of(declaration)}}]
    if account:
        subjects.append({"kind": "ServiceAccount", "serviceAccount": {"name": account, "namespace": ACCOUNT_NAMESPACE}})
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": f"kwok-sim-{declaration['name']}", "labels": labels},
        "spec": {
            "priorityLevelConfiguration": {"name": declaration["identity"]["priority_level"]},
            "matchingPrecedence": FLOW_PRECEDENCE,
            "rules": [{"subjects": subjects, "resourceRules": [everything]}],
        },
    }


def _camel_case(option: str) -> str:
    first, *others = option.split("_")
    names = {"urls": "URLs"}
    return first + "".join(names.get(word, word.capitalize()) for word in others)
