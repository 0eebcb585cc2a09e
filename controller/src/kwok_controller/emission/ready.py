# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which pods are ready, of the services of WorkloadTraces only: without any, nothing is kept, and nothing is looked at."""

from __future__ import annotations

import orjson

from kwok_controller.kube.watch import Key
from kwok_controller.kubelet.packing import Object
from kwok_controller.kubelet.store import Store
from kwok_controller.simulation.pace import Pace
from kwok_controller.workload_traces.pods import Instance, ReadyPod, ready_pod
from kwok_controller.workload_traces.profile import Profile, Service
from kwok_controller.workload_traces.slots import Instances


class ServicePods:
    """The pods of a profile's services that are ready.

    Args:
        profile: whose services.
        missing: pods that were there before, and have not been seen yet.
    """

    def __init__(self, profile: Profile, missing: list[Key]) -> None:
        self.missing = missing
        self._services = profile.services
        self._ready: dict[str, ReadyPod] = {}
        self._made: dict[str, list[tuple[Service, Instance]]] = {}
        self._instances: Instances | None = None

    def put(self, name: str, pod: Object) -> None:
        """A version of a pod."""
        ready = ready_pod(pod)
        if ready is None:
            self.gone(name)
        elif self._ready.get(name) != ready:
            self._ready[name] = ready
            self._made[name] = [(service, Instance(service, ready)) for service in self._services if service.takes(ready.labels)]
            self._instances = None

    def gone(self, name: str) -> None:
        """A pod is not there, or not ready."""
        if self._ready.pop(name, None) is not None:
            del self._made[name]
            self._instances = None

    def instances(self) -> Instances:
        """Those of each service, sorted by name."""
        if self._instances is None:
            found: dict[Service, list[Instance]] = {service: [] for service in self._services}
            for _, made in sorted(self._made.items()):
                for service, instance in made:
                    found[service].append(instance)
            self._instances = found
        return self._instances


class ReadyPods:
    """Tells those who ask of the pods of their namespaces.

    Args:
        store: all pods.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking: dict[str, list[ServicePods]] = {}
        store.listen(self)

    def ask(self, namespace: str, profile: Profile) -> ServicePods:
        """The pods of services, kept up to date. Those that are there already are told by `catch_up`."""
        pods = ServicePods(profile, self._store.pods_in(namespace))
        self._asking.setdefault(namespace, []).append(pods)
        return pods

    def leave(self, namespace: str, pods: ServicePods) -> None:
        """These are not needed any more."""
        asking = self._asking[namespace]
        asking.remove(pods)
        if not asking:
            del self._asking[namespace]

    async def catch_up(self, pods: ServicePods) -> None:
        """Tell of the pods that were there before."""
        pace = Pace()
        while pods.missing:
            key = pods.missing.pop()
            text = self._store.pod_text(key)
            if text is not None:
                pods.put(key[1], orjson.loads(text))
            await pace.keep()

    # What the store tells.

    def put(self, key: Key, pod: Object) -> None:
        """See `PodListener`."""
        for pods in self._asking.get(key[0], ()):
            pods.put(key[1], pod)

    def gone(self, key: Key) -> None:
        """See `PodListener`."""
        for pods in self._asking.get(key[0], ()):
            pods.gone(key[1])
