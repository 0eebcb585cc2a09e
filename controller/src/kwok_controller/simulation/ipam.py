# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""Addresses for pods: a pool for each CIDR, the lowest free address first.

The Go kwok counts on beyond a CIDR that has no address left, into its neighbour's: two pods then share one address. Here such a
pod gets an address of the overflow CIDR instead, which no node has, and whoever runs the controller is told.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

OVERFLOW_CIDRS = ("100.64.0.0/10", "fd6b:776f:6b00::/64")
"""RFC 6598 shared address space, and a unique local prefix (RFC 4193): neither is anybody's pod or service CIDR by default."""

_Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class InvalidCIDR(ValueError):
    """What should be a CIDR is none."""

    def __init__(self, cidr: str) -> None:
        super().__init__(f"{cidr!r} is no CIDR: it must be an address and a prefix length, such as 10.0.0.1/24 or fd00:10:244::/64")
        self.cidr = cidr


class PoolExhausted(Exception):
    """Every address of a CIDR is taken, and those of the overflow CIDR of its family, too."""

    def __init__(self, cidr: str, size: int) -> None:
        super().__init__(
            f"all {size} pod addresses of {cidr} are taken, and the overflow CIDR has none either: "
            "give the nodes larger pod CIDRs, or the controller a larger --cidr"
        )
        self.cidr = cidr
        self.size = size


class Pool:
    """The addresses of one CIDR, by offset from its first address.

    As in the Go kwok, counting starts behind the address as it is written: 10.0.0.1/24 starts at 10.0.0.2, 10.0.0.0/24 at
    10.0.0.1. The network's own address is never given, nor IPv4's broadcast address.
    """

    __slots__ = (
        "_base",
        "_first",
        "_freed",
        "_in_freed",
        "_last",
        "_make",
        "_next",
        "_of_owner",
        "_shared",
        "_span",
        "_taken",
        "cidr",
        "itself",
    )

    def __init__(self, interface: _Network) -> None:
        network = interface.network
        self.cidr = str(interface)
        self.itself = (self,)
        self._make = ipaddress.IPv4Address if interface.version == 4 else ipaddress.IPv6Address
        self._base = int(network.network_address)
        host_bits = network.max_prefixlen - network.prefixlen
        # A network of one or two addresses has neither a network address nor a broadcast address (RFC 3021, RFC 6164).
        tiny = host_bits <= 1
        written = int(interface.ip) - self._base
        self._span = 1 << host_bits
        self._last = self._span - (1 if tiny or interface.version == 6 else 2)
        self._first = min(written, self._last) if tiny else min(written + 1, self._last)
        self._next = self._first
        self._freed: list[int] = []
        self._in_freed: set[int] = set()
        self._of_owner: dict[str, int] = {}
        self._taken: set[int] = set()
        # How many owners beside the first have one and the same address, which others gave them.
        self._shared: dict[int, int] = {}

    def __len__(self) -> int:
        """How many owners have an address."""
        return len(self._of_owner)

    @property
    def size(self) -> int:
        """How many addresses can be given."""
        return self._last - self._first + 1

    def get(self, owner: str) -> str | None:
        """The owner's address: the one it has, or the lowest free one. None: there is no free one."""
        offset = self._of_owner.get(owner)
        if offset is None:
            offset = self._lowest_free()
            if offset is None:
                return None
            self._taken.add(offset)
            self._of_owner[owner] = offset
        return str(self._make(self._base + offset))

    def use(self, address: int, owner: str) -> bool:
        """Note that the owner has this address already. False: it isn't one of this CIDR."""
        offset = address - self._base
        if not 0 <= offset < self._span:
            return False
        had = self._of_owner.get(owner)
        if had == offset:
            return True
        if had is not None:
            self._free(had)
        if offset in self._taken:
            self._shared[offset] = self._shared.get(offset, 0) + 1
        else:
            self._taken.add(offset)
        self._of_owner[owner] = offset
        return True

    def held(self, owner: str) -> str | None:
        """The owner's address, if it has one."""
        offset = self._of_owner.get(owner)
        return str(self._make(self._base + offset)) if offset is not None else None

    def put(self, owner: str) -> None:
        """Free the owner's address, if it has one."""
        offset = self._of_owner.pop(owner, None)
        if offset is not None:
            self._free(offset)

    def _free(self, offset: int) -> None:
        others = self._shared.get(offset)
        if others is not None:
            if others == 1:
                del self._shared[offset]
            else:
                self._shared[offset] = others - 1
            return
        self._taken.discard(offset)
        if not self._taken:
            self._next = self._first
            self._freed.clear()
            self._in_freed.clear()
        elif self._first <= offset < self._next and offset not in self._in_freed:
            self._in_freed.add(offset)
            heapq.heappush(self._freed, offset)

    def _lowest_free(self) -> int | None:
        while self._freed:
            offset = heapq.heappop(self._freed)
            self._in_freed.discard(offset)
            if offset not in self._taken:
                return offset
        while self._next <= self._last:
            offset = self._next
            self._next += 1
            if offset not in self._taken:
                return offset
        return None


class IPAM:
    """The addresses of all pods, by the pods' UIDs.

    A pod of a node with several CIDRs (dual stack) has one address of each. Not safe for threads: it lives in the event loop.
    """

    def __init__(
        self,
        default_cidrs: Sequence[str] = ("10.0.0.1/24",),
        *,
        overflow_cidrs: Sequence[str] = OVERFLOW_CIDRS,
        on_exhausted: Callable[[str], None] | None = None,
    ) -> None:
        """Check the CIDRs.

        Args:
            default_cidrs: For pods on nodes without any CIDR of their own; at most one of each family.
            overflow_cidrs: Where addresses come from when a CIDR has none left; at most one of each family. Empty: nowhere.
            on_exhausted: Called with a CIDR each time that it had none left for a pod (for a metric and a warning).

        Raises:
            InvalidCIDR: One of them is none.
        """
        self._pools: dict[str, Pool] = {}
        self._of_owner: dict[str, tuple[Pool, ...]] = {}
        self.default_cidrs = tuple(default_cidrs)
        self._on_exhausted = on_exhausted
        for cidr in self.default_cidrs:
            self.pool(cidr)
        self._overflow: dict[int, str] = {_parse(cidr).version: cidr for cidr in overflow_cidrs}

    def __len__(self) -> int:
        """How many owners have an address."""
        return len(self._of_owner)

    def cidrs_of(self, node: dict[str, object] | None) -> tuple[str, ...]:
        """The CIDRs for pods on this node: `spec.podCIDRs`, else `spec.podCIDR`, else the default ones."""
        spec = (node or {}).get("spec")
        if isinstance(spec, dict):
            several = spec.get("podCIDRs")
            if isinstance(several, list) and several:
                return tuple(str(cidr) for cidr in several)
            one = spec.get("podCIDR")
            if isinstance(one, str) and one:
                return (one,)
        return self.default_cidrs

    def pool(self, cidr: str) -> Pool:
        """The pool of a CIDR, made when it's the first time. Raises InvalidCIDR."""
        pool = self._pools.get(cidr)
        if pool is None:
            interface = _parse(cidr)
            pool = self._pools.setdefault(str(interface), Pool(interface))
            self._pools[cidr] = pool
        return pool

    def get(self, cidr: str, owner: str) -> str:
        """The owner's address of this CIDR: the one it has, or the lowest free one, or one of the overflow CIDR.

        Raises:
            InvalidCIDR: It is none.
            PoolExhausted: Neither has an address left.
        """
        pool = self.pool(cidr)
        overflow = self._overflow_of(pool)
        held = pool.held(owner) or (overflow.held(owner) if overflow is not None else None)
        if held is not None:
            return held
        address = pool.get(owner)
        if address is None:
            if self._on_exhausted is not None:
                self._on_exhausted(pool.cidr)
            address = overflow.get(owner) if overflow is not None else None
            if overflow is None or address is None:
                raise PoolExhausted(pool.cidr, pool.size)
            pool = overflow
        self._note(owner, pool)
        return address

    def _overflow_of(self, pool: Pool) -> Pool | None:
        cidr = self._overflow.get(_version(pool))
        return self.pool(cidr) if cidr is not None else None

    def get_all(self, cidrs: Iterable[str], owner: str) -> list[str]:
        """The owner's addresses, one of each CIDR, in their order. Raises as `get`."""
        return [self.get(cidr, owner) for cidr in cidrs]

    def use(self, cidr: str, address: str, owner: str) -> bool:
        """Note that the owner has this address already, so that nobody else gets it.

        Returns:
            Whether it belongs to the CIDR, or to the overflow CIDR; any other address is not ours to manage.

        Raises:
            InvalidCIDR: It is none.
        """
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        overflow = self._overflow.get(parsed.version)
        for candidate in (cidr,) if overflow is None else (cidr, overflow):
            pool = self.pool(candidate)
            if _version(pool) == parsed.version and pool.use(int(parsed), owner):
                self._note(owner, pool)
                return True
        return False

    def put(self, owner: str) -> None:
        """Free all addresses of the owner."""
        for pool in self._of_owner.pop(owner, ()):
            pool.put(owner)

    def _note(self, owner: str, pool: Pool) -> None:
        pools = self._of_owner.get(owner)
        if pools is None:
            self._of_owner[owner] = pool.itself
        elif pool not in pools:
            self._of_owner[owner] = (*pools, pool)


def _version(pool: Pool) -> Literal[4, 6]:
    return 6 if ":" in pool.cidr else 4


def _parse(cidr: str) -> _Network:
    if "/" not in cidr:
        raise InvalidCIDR(cidr)
    try:
        return ipaddress.ip_interface(cidr)
    except ValueError as error:
        raise InvalidCIDR(cidr) from error
