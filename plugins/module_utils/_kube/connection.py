# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to an apiserver through the Python package C(kubernetes).

The package takes about half a second to import, so it is imported where it is used and nowhere else.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._errors import SimError

REQUEST_TIMEOUT_S = 30
"""For one request: connecting, and each wait for the answer."""


@contextlib.contextmanager
def connect(kubeconfig: Path) -> Iterator[Any]:
    """A C(kubernetes.dynamic.DynamicClient) for the current context of a kubeconfig.

    Whatever the package raises within the block comes out as a SimError.

    Raises:
        SimError: The package is missing, the kubeconfig cannot be used, the apiserver cannot be reached, or it refuses.
    """
    configuration = load_configuration(kubeconfig)
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException
    from kubernetes.dynamic import DynamicClient
    from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
    from urllib3.exceptions import HTTPError

    # The package keeps what it discovers in a file that it would leave in the temporary directory, named after the server's
    # address: a cluster made anew on the same port would be taken for the old one.
    with tempfile.TemporaryDirectory(prefix="kwok-sim-") as scratch:
        try:
            api = client.ApiClient(configuration)
            try:
                yield DynamicClient(api, cache_file=str(Path(scratch) / "discovery.json"))
            finally:
                api.rest_client.pool_manager.clear()
        except (ApiException, DynamicApiError) as error:
            raise SimError(f"the apiserver refuses: {_message(error)}", details={"status": error.status}) from error
        except ResourceNotFoundError as error:
            remedy = "Put their CRD into the cluster before; those of Stages and the like come with kwok.sim.kwok_crd"
            raise SimError(f"the apiserver does not know such objects: {error}", remedy=remedy) from error
        except (HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise SimError(f"the apiserver cannot be reached: {reason}") from error


def load_configuration(kubeconfig: Path, context: str | None = None) -> Any:
    """A C(kubernetes.client.Configuration) for a context of a kubeconfig: the server, its authority, and credentials.

    Args:
        context: Name of the context; ``None`` for the current one.

    Raises:
        SimError: The package is missing, or the kubeconfig cannot be used.
    """
    try:
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException
    except ImportError as error:
        remedy = "Install kubernetes for the Python that runs the module, or set ansible_python_interpreter to one that has it"
        raise SimError(f"the Python package kubernetes cannot be imported: {error}", remedy=remedy) from error
    configuration = client.Configuration()
    try:
        config.load_kube_config(config_file=str(kubeconfig), context=context, client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise SimError(f"{kubeconfig} cannot be used: {error}") from error
    # The apiserver is on this host: a proxy of the environment is not meant for it.
    configuration.proxy = None
    # urllib3's retries would turn a refused connection into seconds of waiting; the caller knows that the server is ready.
    configuration.retries = 1
    return configuration


def _message(error: Any) -> str:
    """The server's own sentence, from the Status object that it sent; else its HTTP reason."""
    with contextlib.suppress(ValueError, TypeError):
        status = json.loads(error.body)
        if isinstance(status, dict) and status.get("message"):
            return str(status["message"])
    return f"{error.status} {error.reason}"
