"""Every setting there is."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .common import COMMON
from .configuration_file import nearest
from .serving import SERVING
from .setting import Setting

_PREFIX = "HEADWATER_"


def all_settings() -> tuple[Setting, ...]:
    return tuple(dict.fromkeys((*COMMON, *SERVING)))


def misspelt_variables() -> Iterator[tuple[str, str]]:
    """Variables of the environment that are none of Headwater's, but nearly one, and that one."""
    known = {each.variable for each in all_settings()}
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name not in known:
            endings = {variable.removeprefix(_PREFIX) for variable in known}
            meant = nearest(name.removeprefix(_PREFIX), endings)
            if meant:
                yield name, _PREFIX + meant
