# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command with a deadline, and say why it failed.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_TAIL_LINES = 8  # of a failed command's output, for the error
_TAIL_CHARACTERS = 1500


class Failed(Exception):
    """A command failed; ``str()`` says how, with the last lines of its output.

    Args:
        reason: What happened.
        output: Its standard output, for commands that put a result there even so.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output

    @property
    def disk_full(self) -> bool:
        """Whether its output says that a disk is full, in the words of C's ``strerror(ENOSPC)`` or Go's."""
        return "no space left on device" in str(self).lower()


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    deadline: float,
    on_line: Callable[[str], bool] | None = None,
) -> str:
    """Run a command to its end and return its standard output.

    Args:
        command: Program and arguments.
        cwd: Its working directory.
        environment: All of its environment.
        deadline: When it is killed, on ``time.monotonic()``'s clock.
        on_line: Called with each line of standard error as it comes; returns whether the line may matter to an error.

    Raises:
        Failed: It could not be started, ended with another code than 0, or did not end in time.
    """
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    late = threading.Event()
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise Failed(f"{command[0]}: {error.strerror}") from None

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), kill)
        timer.daemon = True
        timer.start()
        try:
            for line in process.stderr or ():
                text = line.rstrip()
                if text and (on_line is None or on_line(text)):
                    tail.append(text)
            code = process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:  # interrupted from outside: leave nothing running
                process.kill()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if late.is_set():
        raise Failed(f"{Path(command[0]).name} did not end in time", text)
    if code != 0:
        what = "\n".join(tail)[-_TAIL_CHARACTERS:] or text.strip()[-_TAIL_CHARACTERS:]
        raise Failed(f"{Path(command[0]).name} ended with code {code}: {what}", text)
    return text
