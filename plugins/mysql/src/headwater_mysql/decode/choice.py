"""Which of the two row decoders reads a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from headwater_mysql.decode.rows import Framing, RowDecoder
from headwater_mysql.decode.types import ResultPlan

DecoderFactory = Callable[[ResultPlan, Framing, int], RowDecoder]

NATIVE: Final = "native"
NUMPY: Final = "numpy"


def choose_decoder(wanted: str = "") -> tuple[str, DecoderFactory]:
    """The decoder called `wanted`, or the fastest one there is; its name and its constructor.

    Raises ValueError for an unknown name, ImportError if the native one is wanted but was not built.
    """
    if wanted not in {"", NATIVE, NUMPY}:
        raise ValueError(f"decoder is '{NATIVE}' or '{NUMPY}', not {wanted!r}")
    if wanted != NUMPY:
        try:
            from headwater_mysql.decode.native import NativeRowDecoder
        except ImportError:
            if wanted == NATIVE:
                raise
        else:
            return NATIVE, NativeRowDecoder
    from headwater_mysql.decode.numpy_decoder import NumpyRowDecoder

    return NUMPY, NumpyRowDecoder
