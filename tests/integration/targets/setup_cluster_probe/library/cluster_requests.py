#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends HTTP requests with this or that client certificate, and tells how each was answered or refused."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """The status of the answer, or 0 and why there was none."""
    host, port = request.get("host", "127.0.0.1"), int(request["port"])
    try:
        if request.get("plain"):
            connection = http.client.HTTPConnection(host, port, timeout=30)
        else:
            context = ssl.create_default_context(cafile=request["ca"])
            if request.get("cert"):
                context.load_cert_chain(request["cert"], request["key"])
            connection = http.client.HTTPSConnection(host, port, timeout=30, context=context)
        body = None if request.get("body") is None else json.dumps(request["body"])
        headers = {"Content-Type": "application/json", "Connection": "close", **request.get("headers", {})}
        connection.request(request.get("method", "GET"), request["path"], body, headers)
        response = connection.getresponse()
        return {"status": response.status, "text": response.read(4000).decode(errors="replace")}
    except ssl.SSLCertVerificationError as error:
        return {"status": 0, "text": f"the server's certificate was refused: {error.verify_message}"}
    # With TLS 1.3 a refused client only hears of it when it reads.
    except (ssl.SSLError, ConnectionResetError, http.client.RemoteDisconnected, BrokenPipeError) as error:
        return {"status": 0, "text": f"the client was refused: {error}"}
    except OSError as error:
        return {"status": -1, "text": f"{type(error).__name__}: {error}"}


def main() -> None:
    module = AnsibleModule(argument_spec={"requests": {"type": "dict", "required": True}}, supports_check_mode=True)
    answers = {name: ask(request) for name, request in module.params["requests"].items()}
    module.exit_json(changed=False, answers=answers, statuses={name: answer["status"] for name, answer in answers.items()})


if __name__ == "__main__":
    main()
