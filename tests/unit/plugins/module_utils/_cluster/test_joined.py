# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joined components: what a declaration may be, what it expands to, and what it may do in the cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Endpoint, Port
from ansible_collections.kwok.sim.plugins.module_utils._cluster.joined import (
    access_objects,
    certificates,
    check_declaration,
    check_program,
    declaration_of,
    expand,
    render,
)
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CONTROL_PLANE
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import BASE_DIR, component_params, facts_of, spec_of

ROOT = BASE_DIR / "clusters" / "kwok"
FULL: dict[str, Any] = {
    "args": ["--listen=127.0.0.1:$(PORT_HTTP_ALT)", "--kubeconfig=$(KUBECONFIG)", "--literal=$$(KUBECONFIG)"],
    "env": {"B": "$(CLUSTER_NAME)", "A": 1},
    "files": [
        {"path": "conf/web.yaml", "content": "server: $(SERVER_URL)\n", "mode": "0640"},
        {"path": "raw", "content": "$(x)", "expand": False},
    ],
    "ports": [{"name": "http-alt"}],
    "readiness": {"port": "http-alt", "path": "/ready"},
    "metrics": {"port": "http-alt", "path": "/metrics", "scheme": "https"},
    "identity": {"user": "web-user", "groups": ["g1"]},
    "server_certificate": {"names": ["web.example.org", "localhost"], "addresses": ["192.0.2.10", "[::1]"]},
}


def rendered(**given_options: Any) -> Component:
    spec = spec_of()
    return render(declaration_of(component_params(**given_options)), spec, facts_of(spec, web__http=31000, **{"web__http-alt": 31001}))


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "Web"}, "name", "no DNS label"),
    ({"name": "../web"}, "name", "no DNS label"),
    *(({"name": name}, "name", "part of the control plane") for name in CONTROL_PLANE),
    ({"executable": None}, "executable", "is required"),
    ({"ports": [{"name": "a"}, {"name": "a"}]}, "ports", "'a' is given twice"),
    ({"ports": [{"name": "a_b"}]}, "ports", "no DNS label"),
    ({"ports": [{"name": "a", "number": 65536}]}, "ports", "65536 is no TCP port"),
    ({"ports": [{"name": "a", "number": -1}]}, "ports", "no TCP port"),
    ({"files": [{"path": "/etc/passwd", "content": ""}]}, "files", "not below"),
    ({"files": [{"path": "a/../../b", "content": ""}]}, "files", "not below"),
    ({"files": [{"path": "", "content": ""}]}, "files", "not below"),
    ({"files": [{"path": ".", "content": ""}]}, "files", "not below"),
    ({"files": [{"path": "a/b", "content": ""}, {"path": "./a//b", "content": ""}]}, "files", "given twice"),
    ({"files": [{"path": "a", "content": "", "mode": "0o8"}]}, "files", "'0o8' is no mode"),
    ({"files": [{"path": "a", "content": "", "mode": "1777"}]}, "files", "no mode"),
    ({"files": [{"path": "a", "content": "", "mode": "u=rw"}]}, "files", "no mode"),
    ({"files": [{"path": "./kubeconfig.yaml", "content": ""}], "identity": {}}, "files", "kubeconfig of its identity"),
    ({"env": {"A-B": "1"}}, "env", "'A-B' is no name"),
    ({"env": {"1A": "1"}}, "env", "no name"),
    ({"readiness": {"port": "http", "path": "/"}}, "readiness", "'http', which is not among ports"),
    ({"metrics": {"port": "http", "path": "/"}, "ports": [{"name": "https"}]}, "metrics", "not among ports"),
    ({"depends_on": ["etcd", "web"]}, "depends_on", "depends on itself"),
    ({"identity": {"user": "u" * 65}}, "identity", "no certificate can carry"),
    ({"identity": {"groups": ["g", ""]}}, "identity", "no certificate can carry"),
    ({"name": "w" * 63, "identity": {"groups": ["g"]}}, "identity", "no certificate can carry"),
    ({"server_certificate": {"names": ["not a name"]}}, "server_certificate", "'not a name' is no DNS name"),
    ({"server_certificate": {"addresses": ["web"]}}, "server_certificate", "'web' is no IP address"),
]


@pytest.mark.parametrize(("options", "option", "message"), REFUSED)
def test_refusals_name_the_option_and_the_remedy(options: dict[str, Any], option: str, message: str) -> None:
    with pytest.raises(SimError) as caught:
        declaration_of(component_params(**options))
    assert caught.value.option == option
    assert message in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("mode", ["0600", "600", "0o640", "0777"])
def test_modes(mode: str) -> None:
    (file,) = rendered(files=[{"path": "a", "content": "", "mode": mode}]).files
    assert file.mode == int(mode.removeprefix("0o"), 8)


def test_a_declaration_says_how_the_component_is_and_not_what_to_do_now() -> None:
    params = component_params(state="restarted", wait=False, wait_timeout=7, base_dir="/x")
    declaration = declaration_of(params)
    assert not {"state", "wait", "wait_timeout", "base_dir"} & set(declaration)
    assert declaration_of(component_params(state="stopped")) == declaration
    check_declaration(json.loads(json.dumps(declaration)))


def test_everything_expands() -> None:
    web = rendered(**FULL)
    directory = ROOT / "components" / "web"
    assert web.args == ("--listen=127.0.0.1:31001", f"--kubeconfig={directory}/kubeconfig.yaml", "--literal=$(KUBECONFIG)")
    assert web.env == (("A", "1"), ("B", "kwok"), ("KUBECONFIG", f"{directory}/kubeconfig.yaml"))
    files = {Path(item.path): item for item in web.files}
    assert files[directory / "conf" / "web.yaml"].content == "server: https://127.0.0.1:30003\n"
    assert files[directory / "conf" / "web.yaml"].mode == 0o640
    assert files[directory / "raw"].content == "$(x)"
    assert web.ports == (Port("http-alt", 31001),)
    assert web.readiness == Endpoint("http", "127.0.0.1", 31001, "/ready")
    assert web.metrics is not None
    assert web.metrics.url == "https://127.0.0.1:31001/metrics"
    assert web.metrics.ca_file == str(ROOT / "pki" / "ca.crt")
    assert web.owner == "component"
    assert web.certificates == ("ca", "component-web-client", "component-web-server")


def test_paths_that_are_expanded_are_those_of_its_certificates() -> None:
    """So that renewing one restarts the component."""
    arguments = ["$(CA_FILE)", "$(CLIENT_CERT_FILE)", "$(CLIENT_KEY_FILE)", "$(SERVER_CERT_FILE)", "$(SERVER_KEY_FILE)"]
    options = {**FULL, "args": arguments}
    web = rendered(**options)
    issued = {item.name for item in certificates(declaration_of(component_params(**options)), spec_of())}
    assert {Path(text).stem for text in web.args} == set(web.certificates) == issued | {"ca"}
    assert {Path(text).parent for text in web.args} == {ROOT / "pki"}


def test_files_are_read_again_upon_the_signal_but_for_the_kubeconfig() -> None:
    web = rendered(**FULL, reload={"signal": "USR1"})
    assert web.reload_signal == "USR1"
    assert {Path(item.path).name: item.reloaded for item in web.files} == {"web.yaml": True, "raw": True, "kubeconfig.yaml": False}
    assert rendered(**FULL, reload={}).reload_signal == "HUP"


def test_a_declaration_of_an_earlier_version_reloads_nothing() -> None:
    declaration = declaration_of(component_params(**FULL))
    del declaration["reload"]
    spec = spec_of()
    web = render(declaration, spec, facts_of(spec, **{"web__http-alt": 31001}))
    assert web == rendered(**FULL)
    assert web.reload_signal is None


def test_a_users_own_kubeconfig_variable_stays() -> None:
    assert dict(rendered(identity={"groups": []}, env={"KUBECONFIG": "/mine"}).env)["KUBECONFIG"] == "/mine"


def test_without_identity_there_is_none() -> None:
    web = rendered()
    assert (web.files, web.env, web.certificates) == ((), (), ())
    for name in ("KUBECONFIG", "CLIENT_KEY_FILE", "SERVER_CERT_FILE", "PORT_HTTP"):
        with pytest.raises(SimError, match="not known here"):
            rendered(args=[f"$({name})"])


@pytest.mark.parametrize(("host", "local"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("::1", "::1"), ("127.0.0.1", "127.0.0.1")])
def test_a_wildcard_is_probed_on_loopback(host: str, local: str) -> None:
    web = rendered(ports=[{"name": "http", "host": host}], readiness={"port": "http", "path": "/"})
    assert web.readiness is not None
    assert web.readiness.host == local
    assert web.ports[0].host == host


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)$(B)y", "x12y"),
        ("$$(A)", "$(A)"),
        ("$$(UNKNOWN)", "$(UNKNOWN)"),
        ("$A ${A} $ $() $(", "$A ${A} $ $() $("),
        ("$(A", "$(A"),
        ("$(1A)", "$(1A)"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}, "args") == expanded


def test_what_is_expanded_is_not_expanded_again() -> None:
    assert expand("$(A)", {"A": "$(B)", "B": "2"}, "args") == "$(B)"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"args": ["$(NOWHERE)"]}, "args"),
        ({"env": {"A": "$(NOWHERE)"}}, "env"),
        ({"files": [{"path": "a", "content": "$(NOWHERE)"}]}, "files"),
    ],
)
def test_unknown_names_are_refused(options: dict[str, Any], option: str) -> None:
    with pytest.raises(SimError) as caught:
        rendered(**options)
    assert caught.value.option == option
    assert "$(NOWHERE)" in caught.value.message
    assert caught.value.remedy is not None
    assert "COMPONENT_DIR" in caught.value.remedy
    assert "$$(NAME)" in caught.value.remedy


@given(st.lists(st.sampled_from(["$(A)", "$(B_1)", "A", "(A)", "$", "${A}", "()", " "]), max_size=8).map(" ".join))
def test_escaping_every_reference_gives_the_text_itself(text: str) -> None:
    assert expand(re.sub(r"\$(?=\(\w+\))", "$$", text), {}, "args") == text


def test_certificates_say_who_it_is() -> None:
    client, server = certificates(declaration_of(component_params(**FULL)), spec_of(certificate_validity_days=30))
    assert (client.common_name, client.organizations, client.usages, client.authority) == ("web-user", ("g1",), ("client",), "ca")
    assert server.usages == ("server",)
    assert server.names == ("localhost", "web.example.org")
    assert server.addresses == ("127.0.0.1", "::1", "192.0.2.10")
    assert client.validity_days == server.validity_days == 30


def test_a_user_of_its_own_by_default_everywhere() -> None:
    options = {"identity": {"cluster_roles": ["view"]}}
    declaration = declaration_of(component_params(**options))
    (client,) = certificates(declaration, spec_of())
    (binding,) = access_objects(declaration, spec_of())
    kubeconfig = json.loads(rendered(**options).files[-1].content)
    assert client.common_name == binding["subjects"][0]["name"] == kubeconfig["users"][0]["name"] == "kwok-sim:web"


def test_roles() -> None:
    rules = [
        {"api_groups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get"]},
        {"non_resource_urls": ["/metrics"], "verbs": ["get"]},
        {"api_groups": [""], "resources": ["configmaps"], "resource_names": ["one"], "verbs": ["update"]},
    ]
    identity = {"user": "me", "rules": rules, "cluster_roles": ["view"]}
    objects = access_objects(declaration_of(component_params(identity=identity)), spec_of())
    assert [(item["kind"], item["metadata"]["name"]) for item in objects] == [
        ("ClusterRole", "kwok-sim:web"),
        ("ClusterRoleBinding", "kwok-sim:web:view"),
        ("ClusterRoleBinding", "kwok-sim:web"),
    ]
    # As the Kubernetes API spells them.
    assert objects[0]["rules"] == [
        {"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["update"]},
    ]
    assert [item["roleRef"]["name"] for item in objects[1:]] == ["view", "kwok-sim:web"]
    for item in objects[1:]:
        assert item["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "me"}]
    assert len({json.dumps(item["metadata"]["labels"]) for item in objects}) == 1


def test_a_service_account_has_the_rights_of_the_user_who_may_ask_for_its_tokens() -> None:
    identity = {"user": "me", "service_account": True, "cluster_roles": ["view"]}
    account, role, binding, view = access_objects(declaration_of(component_params(identity=identity)), spec_of())
    place = ("kube-system", "kwok-sim-web")
    assert (account["kind"], account["metadata"]["namespace"], account["metadata"]["name"]) == ("ServiceAccount", *place)
    # Of no other account.
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["kwok-sim-web"], "verbs": ["create"]}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert {role["metadata"]["namespace"], binding["metadata"]["namespace"]} == {"kube-system"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "me"}
    assert binding["subjects"] == [user]
    assert view["subjects"] == [user, {"kind": "ServiceAccount", "name": "kwok-sim-web", "namespace": "kube-system"}]
    assert rendered(identity=identity, args=["$(SERVICE_ACCOUNT)"]).args == ("kube-system/kwok-sim-web",)


def test_requests_belong_to_the_priority_level_that_is_asked_for() -> None:
    identity = {"user": "me", "service_account": True, "priority_level": "exempt"}
    schema = access_objects(declaration_of(component_params(identity=identity)), spec_of())[-1]
    assert (schema["kind"], schema["spec"]["priorityLevelConfiguration"]) == ("FlowSchema", {"name": "exempt"})
    (rule,) = schema["spec"]["rules"]
    assert rule["subjects"] == [
        {"kind": "User", "user": {"name": "me"}},
        {"kind": "ServiceAccount", "serviceAccount": {"name": "kwok-sim-web", "namespace": "kube-system"}},
    ]


def test_what_an_earlier_version_declared_is_understood() -> None:
    declaration = declaration_of(component_params(identity={"user": "me", "cluster_roles": ["view"]}))
    del declaration["identity"]["service_account"], declaration["identity"]["priority_level"]
    (binding,) = access_objects(declaration, spec_of())
    assert [subject["name"] for subject in binding["subjects"]] == ["me"]


@pytest.mark.parametrize("identity", [None, {}, {"groups": ["system:masters"]}])
def test_no_roles_unless_asked(identity: dict[str, Any] | None) -> None:
    assert access_objects(declaration_of(component_params(identity=identity)), spec_of()) == []


def test_in_a_container_it_has_an_image_a_name_and_all_addresses() -> None:
    given: dict[str, Any] = {
        **FULL,
        "image": "example.org/web:1",
        "args": ["--listen=$(LISTEN_ADDRESS):$(PORT_HTTP_ALT)", "--server=$(SERVER_URL)"],
    }
    declaration = declaration_of(component_params(**given))
    outside, inside = spec_of(), spec_of(runtime="docker")
    components = [render(declaration, spec, facts_of(spec, **{"web__http-alt": 31001})) for spec in (outside, inside)]
    port = facts_of(inside).ports["kube-apiserver"]
    assert [item.args for item in components] == [
        ("--listen=127.0.0.1:31001", f"--server=https://127.0.0.1:{port}"),
        ("--listen=0.0.0.0:31001", f"--server=https://kube-apiserver:{port}"),
    ]
    assert [item.image for item in components] == [None, "example.org/web:1"]
    assert [item.executable is None for item in components] == [False, True]
    assert components[0].ports == components[1].ports
    assert components[1].writes == (f"{ROOT}/components/web",)
    serving = [next(item for item in certificates(declaration, spec) if item.usages == ("server",)) for spec in (outside, inside)]
    assert set(serving[1].names) - set(serving[0].names) == {"web"}


def test_what_each_runtime_needs() -> None:
    declaration = declaration_of(component_params(executable=None, image="example.org/web:1"))
    check_program(declaration, spec_of(runtime="podman"))
    with pytest.raises(SimError, match="is required by the runtime binary") as caught:
        check_program(declaration, spec_of())
    assert caught.value.option == "executable"
