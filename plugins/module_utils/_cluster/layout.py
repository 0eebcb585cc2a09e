# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a cluster's files are. Pure: paths are computed, nothing is touched.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths of one cluster below ``base_dir`` (absolute)."""

    base_dir: Path
    name: str

    @property
    def root(self) -> Path:
        """The cluster's own directory, 0700; everything of the cluster is below it."""
        return self.base_dir / "clusters" / self.name

    @property
    def lock(self) -> Path:
        """Held while a run changes the cluster. Beside the cluster's directory, which a run may remove."""
        return self.base_dir / "clusters" / f".{self.name}.lock"

    @property
    def record(self) -> Path:
        """What the last run wanted and did."""
        return self.root / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig.yaml"

    @property
    def pki(self) -> Path:
        """Certificates and keys: ``NAME.crt``, ``NAME.key``, ``NAME.pub``."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Configuration files of the control plane."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """One log per component: ``NAME.log``."""
        return self.root / "logs"

    @property
    def etcd_data(self) -> Path:
        """etcd's data directory."""
        return self.root / "etcd"

    @property
    def runtime(self) -> Path:
        """The runtime's own files: for ``binary``, supervisor's configuration and socket."""
        return self.root / "runtime"

    def component(self, name: str) -> Path:
        """The directory of a component that ``kwok_component`` joined."""
        return self.root / "components" / name

    def certificate(self, name: str) -> Path:
        """Path of a certificate."""
        return self.pki / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Path of a private key."""
        return self.pki / f"{name}.key"
