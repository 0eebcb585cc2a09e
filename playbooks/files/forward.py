# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pass connections from ports of loopback on to others: ``forward.py FILE``, which has a JSON list of pairs ``[from, to]``."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

LOOPBACK = "127.0.0.1"


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until one side ends, and let the other know."""
    with suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """One connection. Where nobody listens, it is closed."""
    try:
        answers, asks = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(copy(reader, asks), copy(answers, writer))
    finally:
        asks.close()
        writer.close()


async def main() -> None:
    """Listen until the end."""
    pairs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    servers = [await asyncio.start_server(partial(forward, port=target), LOOPBACK, listened) for listened, target in pairs]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
