# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for Grafana, which is not to be had everywhere: takes the same arguments, reads the same files, and answers a part of its API.

It is stricter than Grafana: a setting that a file does not explain, a datasource without an URL or a board that is there twice end it. What
it shows is that the role writes what Grafana is documented to read; how Grafana draws boards, it does not show.

``grafana server --homepath=DIR --config=FILE``
``grafana cli --homepath=DIR --config=FILE admin reset-admin-password --password-from-stdin``
"""

from __future__ import annotations

import base64
import configparser
import json
import re
import ssl
import sys
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

_REFERENCE = re.compile(r"\$__file\{([^}]*)\}")


class Wrong(Exception):
    """Something in the configuration cannot be."""


def check(condition: object, message: str) -> None:
    """Raise what is wrong."""
    if not condition:
        raise Wrong(message)


def expanded(text: str) -> str:
    """A text with the content of the files that it refers to, which must be private."""

    def content(match: re.Match[str]) -> str:
        path = Path(match[1])
        check(path.stat().st_mode & 0o077 == 0 or path.suffix == ".crt", f"{path} can be read by others")
        return path.read_text(encoding="utf-8").strip()

    return _REFERENCE.sub(content, text)


class Configuration:
    """What is in grafana.ini, and in what it names."""

    def __init__(self, home: Path, path: Path) -> None:
        check((home / "conf/defaults.ini").is_file(), f"{home} is no home of Grafana")
        self._ini = configparser.ConfigParser(interpolation=None, strict=True)
        self._ini.read_string(path.read_text(encoding="utf-8"))
        self.data = Path(self.get("paths", "data"))
        self.provisioning = Path(self.get("paths", "provisioning"))
        for name in ("datasources", "dashboards", "plugins", "alerting"):
            check((self.provisioning / name).is_dir(), f"{self.provisioning}/{name} is missing")

    def get(self, section: str, key: str, default: str | None = None) -> str:
        """A setting."""
        found = self._ini.get(section, key, fallback=default)
        if found is None:
            raise Wrong(f"[{section}] {key} is missing")
        return expanded(found)

    def datasources(self) -> list[dict[str, Any]]:
        """What is provisioned, checked, with the files that it refers to."""
        found: list[dict[str, Any]] = []
        for path in sorted((self.provisioning / "datasources").glob("*.yml")):
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            check(document["apiVersion"] == 1, f"{path}: apiVersion")
            found += document["datasources"]
        for key in ("name", "uid"):
            values = [each[key] for each in found]
            check(len(set(values)) == len(values), f"a {key} of datasources is there twice: {values}")
        check(sum(bool(each.get("isDefault")) for each in found) <= 1, "two datasources are the default")
        for each in found:
            check(re.fullmatch(r"https?://\S+", each.get("url", "")), f"{each['name']} has no URL")
            each["secureJsonData"] = {key: expanded(value) for key, value in each.get("secureJsonData", {}).items()}
        return found

    def boards(self) -> list[dict[str, str]]:
        """Boards of all folders, as they are now."""
        found = []
        for path in sorted((self.provisioning / "dashboards").glob("*.yml")):
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            check(document["apiVersion"] == 1, f"{path}: apiVersion")
            for provider in document["providers"]:
                check(provider["type"] == "file", f"{path}: type")
                directory = Path(provider["options"]["path"])
                check(directory.is_dir(), f"{directory} is missing")
                for file in sorted(directory.glob("*.json")):
                    board = json.loads(file.read_text(encoding="utf-8"))
                    found.append({"uid": board["uid"], "title": board["title"], "folderTitle": provider["folder"], "type": "dash-db"})
        uids = [each["uid"] for each in found]
        check(len(set(uids)) == len(uids), f"a board is there twice: {uids}")
        return found

    @property
    def account(self) -> Path:
        """Where the administrator's name and password are, from the first start on."""
        return self.data / "administrator.json"

    def set_password(self, password: str) -> None:
        """Keep a password."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.account.write_text(json.dumps([self.get("security", "admin_user"), password]), encoding="utf-8")


class Handler(BaseHTTPRequestHandler):
    """A part of Grafana's API."""

    def __init__(self, configuration: Configuration, *arguments: Any) -> None:
        self._configuration = configuration
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer."""
        configuration = self._configuration
        user = self._user()
        path = self.path.partition("?")[0]
        if path == "/api/health":
            self._answer(200, {"database": "ok"})
        elif user is None:
            self._answer(401, {"message": "Unauthorized"})
        elif path == "/api/org":
            self._answer(200, {"name": "Main Org.", "user": user})
        elif path == "/api/search":
            self._answer(200, configuration.boards())
        elif path == "/api/datasources" and user:
            public = [{key: value for key, value in each.items() if key != "secureJsonData"} for each in configuration.datasources()]
            self._answer(200, public)
        elif match := re.fullmatch(r"/api/datasources/proxy/uid/([^/]+)(/.*)", self.path):
            self._pass_on(match[1], match[2])
        else:
            self._answer(403 if not user else 404, {"message": "Not found"})

    def _user(self) -> str | None:
        """Who asks: empty for somebody who may be nobody, None for somebody who may not."""
        header = self.headers.get("Authorization", "")
        if not header:
            return "" if self._configuration.get("auth.anonymous", "enabled") == "true" else None
        name, password = base64.b64decode(header.removeprefix("Basic ")).decode().split(":", 1)
        return name if [name, password] == json.loads(self._configuration.account.read_text(encoding="utf-8")) else None

    def _pass_on(self, uid: str, path: str) -> None:
        source = next(each for each in self._configuration.datasources() if each["uid"] == uid)
        context = None
        if source["url"].startswith("https:"):
            secrets = source["secureJsonData"]
            check(source["jsonData"]["tlsAuth"] and source["jsonData"]["tlsAuthWithCACert"], f"{uid}: TLS is not said")
            context = ssl.create_default_context(cadata=secrets["tlsCACert"])
            pair = self._configuration.data / f"{uid}.pem"
            pair.touch(0o600)
            pair.write_text(f"{secrets['tlsClientCert']}\n{secrets['tlsClientKey']}\n", encoding="utf-8")
            context.load_cert_chain(pair)
        with urllib.request.urlopen(f"{source['url']}{path}", timeout=10, context=context) as response:
            self._answer(200, json.load(response))

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


def serve(configuration: Configuration) -> None:
    """Serve until the end."""
    configuration.datasources()
    configuration.boards()
    if not configuration.account.exists():
        configuration.set_password(configuration.get("security", "admin_password"))
    for section, key in (("analytics", "reporting_enabled"), ("analytics", "check_for_updates"), ("users", "allow_sign_up")):
        check(configuration.get(section, key) == "false", f"[{section}] {key} is not off")
    address = (configuration.get("server", "http_addr"), int(configuration.get("server", "http_port")))
    with ThreadingHTTPServer(address, partial(Handler, configuration)) as server:
        if configuration.get("server", "protocol") == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(configuration.get("server", "cert_file"), configuration.get("server", "cert_key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


def main() -> int:
    """0 when all went well."""
    command, *arguments = sys.argv[1:]
    options = dict(each[2:].split("=", 1) for each in arguments if each.startswith("--") and "=" in each)
    try:
        configuration = Configuration(Path(options["homepath"]), Path(options["config"]))
        if command == "server":
            serve(configuration)
        else:
            check(arguments[-3:] == ["admin", "reset-admin-password", "--password-from-stdin"], f"unknown: {arguments}")
            configuration.set_password(sys.stdin.readline().rstrip("\n"))
    except Wrong as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
