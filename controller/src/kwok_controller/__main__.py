# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``python -m kwok_controller``."""

from __future__ import annotations

import sys

from kwok_controller.cli.main import main

sys.exit(main())
