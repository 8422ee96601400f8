"""Gives memory of finished results back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

_MIB = 1 << 20
_GLIBC_OPTIONS = {  # mallopt(3)
    -8: 2,  # M_ARENA_MAX
    -3: 32 * _MIB,  # M_MMAP_THRESHOLD; with the next one set, it no longer grows to this by itself
    -1: 4 * _MIB,  # M_TRIM_THRESHOLD
    -2: 2 * _MIB,  # M_TOP_PAD
}


def keep_memory_low() -> None:
    """For a process whose threads make and free large results: call it once, at the start.

    glibc gives every few threads a heap of their own, and Arrow's allocators each thread one; what one
    thread frees stays with it. One allocator with two heaps is as fast here and keeps about half as much.
    `malloc_trim` leaves the free end of a second heap, up to 64 MB, as it is: so each end is given back
    when it is freed.

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
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    for option, value in _GLIBC_OPTIONS.items():
        mallopt(option, value)
