# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that change the same cluster wait for each other.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .._errors import SimError
from .._files import as_sim_error
from .._lock import LockTimeout, lock


@contextlib.contextmanager
def exclusive(path: Path, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock at ``path`` for the duration of the block.

    Args:
        timeout: Seconds to wait for another run.
        what: What the lock protects, for the message.

    Raises:
        SimError: Another run still holds it after ``timeout``, or it cannot be made.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock(path, timeout=timeout))
        except LockTimeout as error:
            raise SimError(
                f"another run (pid {error.holder}) is still at work on {what}",
                option="wait_timeout",
                remedy="Let it finish, or raise wait_timeout",
            ) from None
        except OSError as error:
            raise as_sim_error(error, path) from error
        yield
