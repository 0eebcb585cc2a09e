# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which faults come when: data, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Kind(StrEnum):
    """What goes wrong."""

    CONTROLLER_KILL = "the controller is killed and started again"
    CONTROLLER_STOP = "the controller stands still"
    CONTROLLER_RESTART = "the controller is told to end and started again"
    APISERVER_KILL = "the apiserver is killed"
    APISERVER_STOP = "the apiserver stands still"
    APISERVER_RESTART = "the apiserver is told to end, and started again when it has"
    ETCD_KILL = "etcd is killed"
    ETCD_STOP = "etcd stands still"
    ETCD_RESTART = "etcd is told to end, and started again when it has"
    NET_RESET = "connections are reset, new ones too"
    NET_SILENCE = "connections are accepted, and nothing is said on them ever; on those that are open nothing moves"
    NET_TIMEOUT = "nothing moves on connections, and then they are closed"
    NET_SLOW_CLOSE = "connections are closed by what answers, and that is told late"
    NET_DELAY = "every byte comes late"
    NET_BANDWIDTH = "few bytes a second"
    NET_SLICES = "what is sent comes in small pieces, with pauses"
    NET_LIMIT = "connections are closed in good order in the middle of an answer"
    NET_CUT = "connections are reset in the middle of an answer"
    HTTP_429 = "429 with Retry-After"
    HTTP_500 = "500"
    HTTP_503 = "503"
    HTTP_401 = "401, whoever asks"
    HTTP_LOST = "requests are carried out, and their answers lost"
    WATCH_GONE = "watches end in 410, and cannot be taken up where they ended"
    WATCH_HANG = "watches hang, then break"
    WATCH_END = "watches end in good order, long before their time"
    TOKEN_EXPIRED = "the token is not valid any more, and a new one comes late"
    WATCH_SILENT = "watches hang for good"


DURATIONS_S: Final[dict[Kind, tuple[float, float]]] = {
    Kind.CONTROLLER_KILL: (0.0, 1.0),
    Kind.CONTROLLER_STOP: (0.1, 3.0),
    Kind.CONTROLLER_RESTART: (0.0, 0.5),
    Kind.APISERVER_KILL: (0.0, 0.0),
    Kind.APISERVER_STOP: (0.1, 3.0),
    Kind.APISERVER_RESTART: (0.0, 0.0),
    Kind.ETCD_KILL: (0.0, 0.0),
    Kind.ETCD_STOP: (0.1, 3.0),
    Kind.ETCD_RESTART: (0.0, 0.0),
    Kind.NET_RESET: (0.1, 1.5),
    Kind.NET_SILENCE: (0.1, 2.0),
    Kind.NET_TIMEOUT: (0.1, 2.0),
    Kind.NET_SLOW_CLOSE: (0.1, 2.0),
    Kind.NET_DELAY: (0.5, 3.0),
    Kind.NET_BANDWIDTH: (0.5, 3.0),
    Kind.NET_SLICES: (0.5, 3.0),
    Kind.NET_LIMIT: (0.1, 1.5),
    Kind.NET_CUT: (0.1, 1.5),
    Kind.HTTP_429: (0.1, 2.0),
    Kind.HTTP_500: (0.1, 2.0),
    Kind.HTTP_503: (0.1, 2.0),
    Kind.HTTP_401: (0.1, 2.0),
    Kind.HTTP_LOST: (0.1, 2.0),
    Kind.WATCH_GONE: (0.1, 1.5),
    Kind.WATCH_HANG: (0.5, 3.0),
    Kind.WATCH_END: (0.0, 0.0),
    Kind.TOKEN_EXPIRED: (0.1, 2.0),
}
"""Those that are dealt, and how long they last."""

SILENT_FROM: Final = 100
"""A run of so many faults or more ends with `Kind.WATCH_SILENT`: it takes minutes until such a watch is given up."""

GAP_S: Final = (0.1, 2.0)
"""From the beginning of a fault to the beginning of the next: they overlap."""

RECOVERY_S: Final = (3.0, 5.0)
"""That gap after the apiserver or etcd is killed or restarted. Sooner there is nothing that a fault could disturb."""

_SLOW_TO_RETURN: Final = frozenset({Kind.APISERVER_KILL, Kind.APISERVER_RESTART, Kind.ETCD_KILL, Kind.ETCD_RESTART})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        number: In the run, from 0.
        at: Seconds from the beginning of the run.
        kind: What goes wrong.
        seconds: How long.
        amount: How bad it is, in [0, 1): which part of the requests it befalls, how slow the network is.
    """

    number: int
    at: float
    kind: Kind
    seconds: float
    amount: float

    def __str__(self) -> str:
        return f"#{self.number} due at {self.at:.1f} s for {self.seconds:.1f} s, {self.amount:.2f}: {self.kind.name}, {self.kind.value}"


def schedule(seed: int, count: int) -> list[Fault]:
    """So many faults, in order of time. Of each kind there are as many as of any other, but for one."""
    random = Random(f"faults {seed}")
    faults: list[Fault] = []
    deck: list[Kind] = []
    at = 1.0
    for number in range(count):
        if number == count - 1 and count >= SILENT_FROM:
            kind, seconds = Kind.WATCH_SILENT, 0.0
        else:
            if not deck:
                deck = list(DURATIONS_S)
                random.shuffle(deck)
            kind = deck.pop()
            seconds = random.uniform(*DURATIONS_S[kind])
        faults.append(Fault(number, at, kind, seconds, random.random()))
        at += random.uniform(*(RECOVERY_S if kind in _SLOW_TO_RETURN else GAP_S))
    return faults
