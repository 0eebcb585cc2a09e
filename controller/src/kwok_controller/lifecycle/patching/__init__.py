# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a patch makes of an object, as the apiserver computes it.

Objects are never changed: what is given back shares all that the patch leaves alone, and is the very same object (`is`) where the patch
changes nothing. That is how a play that would change nothing is known before anything is sent.
"""

from kwok_controller.lifecycle.patching.errors import PatchError
from kwok_controller.lifecycle.patching.json_patch import apply_json
from kwok_controller.lifecycle.patching.kinds import NODE, POD
from kwok_controller.lifecycle.patching.merge import apply_merge
from kwok_controller.lifecycle.patching.merge_keys import Field, MergeKeys
from kwok_controller.lifecycle.patching.openapi import from_openapi
from kwok_controller.lifecycle.patching.strategic import apply_strategic

__all__ = ["NODE", "POD", "Field", "MergeKeys", "PatchError", "apply_json", "apply_merge", "apply_strategic", "from_openapi"]
