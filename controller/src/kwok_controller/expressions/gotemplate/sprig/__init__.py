# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions of sprig v3, under the names and with the Go signatures that the Go kwok offers (`sprig.TxtFuncMap`)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from kwok_controller.expressions.gotemplate.functions import Function, LeftOut
from kwok_controller.expressions.gotemplate.gotime import UTC, Location
from kwok_controller.expressions.gotemplate.sprig import (
    dates,
    defaults,
    dicts,
    encoding,
    flow,
    lists,
    numbers,
    paths,
    randomness,
    reflection,
    regex,
    semver,
    strings,
    urls,
)

LEFT_OUT = {
    **dict.fromkeys(["env", "expandenv"], LeftOut("templates do not see the controller's environment")),
    "getHostByName": LeftOut("templates do no network requests"),
    **dict.fromkeys(
        [
            "bcrypt",
            "buildCustomCert",
            "decryptAES",
            "derivePassword",
            "encryptAES",
            "genCA",
            "genCAWithKey",
            "genPrivateKey",
            "genSelfSignedCert",
            "genSelfSignedCertWithKey",
            "genSignedCert",
            "genSignedCertWithKey",
            "htpasswd",
        ],
        LeftOut("templates make no keys, certificates or passwords"),
    ),
}
"""What sprig has and this has not, with the reason."""


def sprig_functions(
    *,
    now: Callable[[], int] | None = None,
    random: Random | None = None,
    local: Location = UTC,
    zones: Callable[[str], Location] = dates.load_zone,
) -> dict[str, Function | LeftOut]:
    """The functions of sprig.

    Args:
        now: the time in nanoseconds since 1970; without it the functions that need one are left out.
        random: the source of `randInt`, `uuidv4`, `shuffle` and their like; without it they are left out.
        local: the zone that sprig calls `Local`.
        zones: finds a zone by its name; raises `LookupError` where there is none.
    """
    return {
        **strings.FUNCTIONS,
        **lists.FUNCTIONS,
        **dicts.FUNCTIONS,
        **numbers.FUNCTIONS,
        **encoding.FUNCTIONS,
        **defaults.FUNCTIONS,
        **flow.FUNCTIONS,
        **paths.FUNCTIONS,
        **reflection.FUNCTIONS,
        **regex.FUNCTIONS,
        **semver.FUNCTIONS,
        **urls.FUNCTIONS,
        **dates.functions(now, local, zones),
        **randomness.functions(random),
        **LEFT_OUT,
    }
