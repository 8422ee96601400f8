"""The one place that chooses a JSON library: orjson when it is installed, else the standard library.

Both write compact UTF-8, write NaN and infinities as null, and refuse them when reading.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

orjson: Any = None
with suppress(ImportError):  # the extra `json`
    orjson = import_module("orjson")

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> bytes:
    """Compact JSON of a plain Python value.

    :raises ValueError: the value cannot be written: an unknown type, a lone surrogate, a cycle.
    """
    if orjson is not None:
        try:
            encoded: bytes = orjson.dumps(value)
            return encoded
        except TypeError:  # integers beyond 64 bits, keys that are not text: the standard library's turn
            pass
    try:
        return _dumps_standard(value)
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(f"not representable in JSON: {error}") from error


def dumps_array(values: npt.NDArray[np.generic]) -> bytes:
    """A JSON array of a contiguous numpy array of numbers or booleans.

    NaN and infinities become null; float32 values have the shortest text that reads back as float32.
    """
    if orjson is not None:
        encoded: bytes = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
        return encoded
    items: list[Any] = values.tolist()
    if values.dtype.kind == "f":
        if values.dtype.itemsize == 4:
            items = [float(str(value)) for value in values]
        items = [item if math.isfinite(item) else None for item in items]
    return _dumps_standard(items)


def dumps_arrays(values: list[npt.NDArray[np.generic]]) -> bytes:
    """A JSON array of what `dumps_array` makes of each."""
    if orjson is not None:
        encoded: bytes = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
        return encoded
    return b"[%s]" % b",".join(map(dumps_array, values))


def loads(data: bytes | bytearray | memoryview | str) -> Any:
    """The Python value of a JSON text.

    :raises ValueError: not JSON, not UTF-8, or nested deeper than the parser allows (about 1,000 levels).
    """
    if orjson is not None:
        return orjson.loads(data)  # its JSONDecodeError is a ValueError
    if isinstance(data, memoryview):
        data = data.tobytes()
    try:
        return json.loads(data if isinstance(data, str) else data.decode(), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _dumps_standard(value: Any) -> bytes:
    try:
        text = _compact.encode(value)
    except ValueError:  # NaN or an infinity somewhere inside, or a cycle (which recursion then refuses)
        text = _compact.encode(_finite(value))
    return text.encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
