"""`headwater()`: the host of this process."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import threading

from django.conf import settings

from headwater import Headwater
from headwater.datasources import provision

_opening = threading.Lock()


def headwater() -> Headwater:
    """This process's host, opened at its first use: one that a preloading server made would be of no use in
    the workers that it forks."""
    with _opening:
        return _open()


@functools.cache
def _open() -> Headwater:
    configured = getattr(settings, "HEADWATER", {})
    host = Headwater(logger=logging.getLogger("headwater"), **configured.get("options", {}))
    atexit.register(host.close)
    if files := configured.get("provisioning"):
        provision(host.data_sources, files)
    else:
        host.add_data_source(name="demo", type="testdata")
    return host


os.register_at_fork(after_in_child=_open.cache_clear)
