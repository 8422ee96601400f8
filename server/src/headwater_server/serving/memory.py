"""Gives memory of finished results back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

_M_ARENA_MAX = -8  # mallopt(3)


def keep_memory_low() -> None:
    """For a process whose threads make and free large results: call it once, at the start.

    glibc gives every few threads a heap of their own, and Arrow's allocators each thread one; what one
    thread frees stays with it. One allocator with two heaps is as fast here and keeps about half as much.

    What is imported by now stays for good, so the garbage collector need not look at it again and again.
    """
    import pyarrow as pa

    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    pa.set_memory_pool(pa.system_memory_pool())
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
    except (AttributeError, OSError):  # another C library
        return
