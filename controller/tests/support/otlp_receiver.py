# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""An OTLP gRPC receiver, for tests of traces."""

from __future__ import annotations

import threading
from concurrent import futures
from typing import Any

import pytest


class Receiver:
    """An OTLP gRPC receiver on a loopback port that keeps what it is sent."""

    def __init__(self) -> None:
        grpc = pytest.importorskip("grpc")
        service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")
        messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        self.requests: list[Any] = []
        lock = threading.Lock()

        class Servicer(service.TraceServiceServicer):  # type: ignore[name-defined, misc]
            def Export(_, request: Any, context: Any) -> Any:  # noqa: N802, N805
                with lock:
                    self.requests.append(request)
                return messages.ExportTraceServiceResponse()

        self.server = grpc.server(futures.ThreadPoolExecutor(1))
        service.add_TraceServiceServicer_to_server(Servicer(), self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def stop(self) -> None:
        """Close the port."""
        self.server.stop(None).wait()

    @property
    def spans(self) -> list[Any]:
        return [span for r in self.requests for resource in r.resource_spans for scope in resource.scope_spans for span in scope.spans]


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}
