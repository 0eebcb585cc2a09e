# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Connections of uvicorn, with the bounds that it leaves to a proxy in front, and with what applications may know of TLS.

Of uvicorn only the protocol is used: its server has no bound on who sends or reads slowly, and knows no port with both HTTP and HTTPS.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from kwok_controller.server.asgi import TLS_EXTENSION, Application

# How long a connection may be without a whole request: as with a kubelet (kubernetes v1.36, pkg/kubelet/server/server.go), longer than the
# minute between two scrapes; and how long a peer may take to read an answer. In seconds.
IDLE_TIMEOUT = 90.0
SEND_TIMEOUT = 30.0

MAX_HEAD = 32 * 1024
"""Bytes of a request's line and headers."""

MAX_BODY = 64 * 1024
"""Bytes of a request's body."""

MAX_PIPELINED = 16
"""Requests that wait for the answer to the one before on the same connection."""

MAX_AT_ONCE = 4
"""Requests that are answered as they are read, of those that come in one piece; between more of them others have their turn."""

# What one more field costs beside its bytes, as HTTP/2 counts it (RFC 9113, 6.5.2).
_FIELD_COST = 32


class BeyondBounds(Exception):
    """A request that is too large. Raised within the parser, it has uvicorn refuse the request and close the connection."""


class Connections:
    """Makes connections that hand their requests to `application`, and ends them."""

    def __init__(self, application: Application, headers: list[tuple[bytes, bytes]]) -> None:
        """`headers` are part of every answer."""
        self._state = ServerState()
        self._state.default_headers = headers
        # Those without a whole request, in the order in which they came to be so.
        self._idle: dict[Connection, None] = {}
        # What is wrong with a request is the peer's affair: only failures of the application are logged.
        self._config = Config(
            application,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            workers=1,
            access_log=False,
            log_config=None,
            log_level=logging.ERROR,
        )
        self._config.load()

    def __call__(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self._config, self._state, self._idle)

    def make_room(self) -> bool:
        """End the connection that has been without a whole request the longest; whether there was one."""
        connection = next(iter(self._idle), None)
        if connection is not None:
            del self._idle[connection]
            connection.timeout_keep_alive_handler()
        return connection is not None

    def __len__(self) -> int:
        return len(self._state.connections)

    async def close(self, timeout: float) -> None:
        """Close what is idle, let requests end for `timeout` seconds, then end them."""
        connections = cast("set[Connection]", set(self._state.connections))
        for connection in connections:
            connection.shutdown()
        ending = {*(connection.lost for connection in connections), *self._state.tasks}
        if ending:
            await asyncio.wait(ending, timeout=timeout)
        left = [connection for connection in connections if not connection.lost.done()]
        for connection in left:
            connection.transport.abort()
        await asyncio.gather(*(connection.lost for connection in left))
        for task in self._state.tasks:
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)


class _Joining(asyncio.Transport):
    """Sends the head of an answer with the beginning of its body: uvicorn writes the one after the other, each a call to the system."""

    def __init__(self, transport: asyncio.Transport) -> None:
        """What is sent goes to `transport`."""
        super().__init__()
        self._to = transport
        self._head: bytes | None = None
        self._begun = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data; what an answer begins with is kept until there is more of it."""
        if not self._begun:
            self._head, self._begun = bytes(data), True
        elif self._head is not None:
            head, self._head = self._head, None
            self._to.write(b"".join((head, data)))
        else:
            self._to.write(data)

    def flush(self) -> None:
        """The answer is whole: send what is kept."""
        self._begun = False
        if self._head is not None:
            head, self._head = self._head, None
            self._to.write(head)

    def close(self) -> None:
        """Close it when all is sent."""
        self.flush()
        self._to.close()

    def abort(self) -> None:
        """Close it at once."""
        self._head = None
        self._to.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._to.is_closing()

    def get_write_buffer_size(self) -> int:
        """How many bytes wait to be sent."""
        return self._to.get_write_buffer_size() + len(self._head or b"")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport knows of the connection."""
        return self._to.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no more in."""
        self._to.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._to.resume_reading()


@coroutine
def _go_on(running: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """The rest of `running`, which waits for `awaited`."""
    try:
        while True:
            try:
                value = yield awaited
            except BaseException as error:
                awaited = running.throw(error)
            else:
                awaited = running.send(value)
    except StopIteration:
        return


class Connection(HttpToolsProtocol):
    """A connection whose peer can neither stall it nor fill the memory."""

    def __init__(self, config: Config, state: ServerState, idle: dict[Connection, None]) -> None:
        """`idle` has this connection as long as it is without a whole request."""
        super().__init__(config, state, {})
        self._idle = idle
        self._answers: _Joining
        self.lost: asyncio.Future[None] = self.loop.create_future()
        self._deadline: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head = 0
        self._body = 0
        self._at_once = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is awaited."""
        self._answers = _Joining(transport)
        super().connection_made(self._answers)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        super().connection_lost(exc)
        self._idle.pop(self, None)
        for timer in (self._deadline, self._sending):
            if timer is not None:
                timer.cancel()
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Parse; what is still no whole head is bounded here, as the parser keeps an unfinished field to itself."""
        within, self._at_once = self._in_head, 0
        super().data_received(data)
        if within and self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Count anew, and tell the application about TLS."""
        super().on_message_begin()
        self._in_head, self._head, self._body = True, 0, 0
        if ssl_object := self.transport.get_extra_info("ssl_object"):
            self.scope["extensions"] = {TLS_EXTENSION: {"ssl_object": ssl_object}}

    def on_url(self, url: bytes) -> None:
        """Take a part of the path."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._count_head(len(name) + len(value) + _FIELD_COST)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._in_head = False
        if len(self.pipeline) >= MAX_PIPELINED:
            raise BeyondBounds
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += len(body)
        if self._body > MAX_BODY:
            raise BeyondBounds
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: now it is the application's turn, unless it has answered already."""
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._idle.pop(self, None)
            if self._deadline is not None:
                self._deadline.cancel()

    def on_response_complete(self) -> None:
        """The next request is awaited, or a peer who reads the last of this answer and closes."""
        self._answers.flush()
        waiting = bool(self.pipeline)
        super().on_response_complete()
        # uvicorn's own timer begins anew with each byte of the next request.
        self._unset_keepalive_if_required()
        if not waiting or self.transport.is_closing():
            self._await_request()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request; not within the answer to the one before."""
        if self.pipeline or (self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete):
            self.transport.close()
        else:
            super().send_400_response(msg)

    def timeout_keep_alive_handler(self) -> None:
        """Time is up: close, without waiting for a peer who does not read."""
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
            self._deadline = self.loop.call_later(SEND_TIMEOUT, self.transport.abort)

    def pause_writing(self) -> None:
        """The peer does not read as fast as is written; the same again before it has caught up changes nothing."""
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(SEND_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer has caught up."""
        super().resume_writing()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Answer. A task is made only where there is something to wait for: most answers are there at once."""
        if self._at_once >= MAX_AT_ONCE:
            super()._start_asgi_task(cycle, app)
            return
        self._at_once += 1
        running = cycle.run_asgi(app)
        try:
            awaited = running.send(None)
        except StopIteration:
            return
        task = self.loop.create_task(_go_on(running, awaited))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _await_request(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._idle.pop(self, None)
        self._idle[self] = None
        self._deadline = self.loop.call_later(IDLE_TIMEOUT, self.timeout_keep_alive_handler)

    def _count_head(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            raise BeyondBounds
