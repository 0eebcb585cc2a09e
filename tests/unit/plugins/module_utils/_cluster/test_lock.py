# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs on one cluster, in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.lock import exclusive
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError

COUNTER_RUNS = 20


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is told to end."""
    program = (
        "import sys, pathlib\n"
        f"sys.path[:] = {sys.path!r}\n"
        f"from {exclusive.__module__} import exclusive\n"
        f"with exclusive(pathlib.Path({str(path)!r}), 5, 'x'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as other, pytest.raises(SimError) as caught, exclusive(path, 0.1, "cluster kwok"):
        pytest.fail("two hold it")
    assert f"another run (pid {other.pid}) is still at work on cluster kwok" in caught.value.message
    assert caught.value.option == "wait_timeout"
    assert caught.value.remedy


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as other:
        assert other.stdin is not None
        threading.Timer(0.2, other.stdin.close).start()
        with exclusive(path, 10, "x"):
            assert path.read_text() == str(os.getpid())


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with exclusive(path, 0, "x"):
            pass
    assert path.exists()


def test_the_lock_is_given_back_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ValueError, match="of the block"), exclusive(path, 0, "x"):
        raise ValueError("of the block")
    with exclusive(path, 0, "x"):
        pass


def test_the_file_is_private(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock", 0, "x"):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SimError) as caught, exclusive(tmp_path / "file" / "lock", 0, "x"):
        pytest.fail("cannot be held")
    assert caught.value.option == "base_dir"


def test_a_run_that_waited_for_a_removal_holds_the_new_file(tmp_path: Path) -> None:
    """Otherwise two could be at work: one with the lock on the removed file, the other with that on the new one."""
    path = tmp_path / "lock"
    held = threading.Event()

    def wait() -> None:
        with exclusive(path, 5, "x"):
            held.set()
            time.sleep(0.1)

    waiting = threading.Thread(target=wait)
    with exclusive(path, 0, "x"):
        waiting.start()
        time.sleep(0.15)
        path.unlink()
    assert held.wait(5)
    with pytest.raises(SimError), exclusive(path, 0, "x"):
        pytest.fail("two hold it")
    waiting.join()


def _count(path: Path, number: Path) -> None:
    for _round in range(COUNTER_RUNS):
        with exclusive(path, 30, "x"):
            value = int(number.read_text())
            time.sleep(0.001)
            number.write_text(str(value + 1))
            if value % 5 == 0:
                # As a run that removes its cluster.
                path.unlink()


def test_no_two_processes_are_ever_inside(tmp_path: Path) -> None:
    path, number = tmp_path / "lock", tmp_path / "number"
    number.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_count, args=(path, number)) for _number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert number.read_text() == str(3 * COUNTER_RUNS)
