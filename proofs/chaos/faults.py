"""What a network can do to a connection, under Toxiproxy's names, and bytes that change on the way.

Each kind makes a fault out of a seed; `size` is how many bytes a healthy server sends for the query.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from headwater.testing import Fault

MakeFault = Callable[[random.Random, int], Fault]


def _somewhere(chance: random.Random, size: int) -> int:
    """Often in the log-in or the head, where each byte means something else; at times beyond the end."""
    return chance.choice((chance.randrange(200), chance.randrange(size), chance.randrange(size * 5 // 4)))


FAULTS: Mapping[str, MakeFault] = {
    "latency": lambda chance, _size: Fault(
        latency=chance.uniform(0.01, 0.6), jitter=chance.uniform(0, 0.3), seed=chance.randrange(1 << 30)
    ),
    "bandwidth": lambda chance, size: Fault(
        drip=max(1, int(size * chance.uniform(0.002, 0.1))), drip_pause=0.02
    ),
    "slow_close": lambda chance, size: Fault(
        cut_after=_somewhere(chance, size), close_delay=chance.uniform(0, 2)
    ),
    "timeout": lambda chance, size: Fault(silent_after=_somewhere(chance, size)),
    "reset_peer": lambda chance, size: Fault(reset_after=_somewhere(chance, size)),
    "slicer": lambda chance, size: Fault(
        drip=chance.randint(max(1, size // 2000), max(2, size // 100)), drip_pause=0.0001
    ),
    "limit_data": lambda chance, size: Fault(cut_after=_somewhere(chance, size)),
    "corrupt": lambda chance, size: Fault(corrupt_at=_somewhere(chance, size)),
}
"""Beside these there is `down`, which is no fault of a connection: the server refuses them all."""
