"""JSON text of column slices, vectorised: the hot path of the HTTP API.

Numbers go through numpy in one call; a null travels as a number whose text no other value of its type can
contain, and is replaced in the text. Repeated strings are written once and gathered by Arrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headwater.frames import json_text
from headwater.frames.errors import FrameTypeError
from headwater.frames.field_type import FieldType

if TYPE_CHECKING:
    from headwater.frames.grafana_types import Conversion

Ints = npt.NDArray[np.int64]
#: Text in parts that follow each other, so that nothing is copied before the caller joins them.
Parts = tuple[bytes | memoryview, ...]

_UNITS_PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}
_SAMPLE = 1_024
_NULL = np.iinfo(np.int64).min
_BOOL_TEXTS = np.array([b"false,", b"true, ", b"null, "], dtype="S6")  # blanks go again


class ColumnWriter:
    """Writes the slices of one column in order, and collects what JSON numbers cannot say.

    After the last slice `entities` tells the rows that hold NaN or an infinity, and `has_nanos` whether
    some time has a part below a millisecond.
    """

    def __init__(self, conversion: Conversion) -> None:
        self._conversion = conversion
        self._rows = 0
        self.entities: dict[str, list[Ints]] = {}
        self.has_nanos: bool = False

    def write(self, part: pa.Array) -> Parts:
        """The values of the next slice, separated by commas, without brackets.

        :raises FrameTypeError: a value has no JSON form: a time beyond 64-bit milliseconds, malformed JSON.
        """
        # Any timestamp is a count since the epoch: no need to take its zone off.
        array = part if pa.types.is_timestamp(part.type) else self._conversion.apply(part)
        match self._conversion.type:
            case FieldType.FLOAT32 | FieldType.FLOAT64:
                text = self._write_floats(array)
            case FieldType.TIME:
                text = self._write_times(array)
            case FieldType.BOOL:
                text = _write_booleans(array)
            case FieldType.STRING:
                text = _write_strings(array)
            case FieldType.JSON:
                text = _write_json(array)
            case _:
                text = _write_integers(array)
        self._rows += len(array)
        return text

    def write_nanos(self, part: pa.Array) -> Parts:
        """The nanoseconds below the millisecond of a slice of times; 0 for a null."""
        array = self._conversion.apply(part)
        return _inside(json_text.dumps_array(_nanos(array)))

    def _write_floats(self, array: pa.Array) -> Parts:
        values = array.to_numpy(zero_copy_only=False)  # nulls become NaN
        text = json_text.dumps_array(values)
        if b"n" in text:  # a null of Arrow, or what JSON has no number for
            finite = np.isfinite(values)
            if np.count_nonzero(finite) < len(values) - array.null_count:
                self._note_entities(values, np.flatnonzero(~finite), array)
        return _inside(text)

    def _note_entities(self, values: npt.NDArray[np.floating], rows: Ints, array: pa.Array) -> None:
        """Note which of `rows` hold NaN and infinities; the others hold nulls."""
        if array.null_count:
            rows = rows[array.is_valid().to_numpy(zero_copy_only=False)[rows]]
        special = values[rows]
        kinds = (("NaN", np.isnan(special)), ("Inf", special == np.inf), ("NegInf", special == -np.inf))
        for name, mask in kinds:
            if mask.any():
                self.entities.setdefault(name, []).append(rows[mask] + self._rows)

    def _write_times(self, array: pa.Array) -> Parts:
        ticks = _ticks(array)
        unit = array.type.unit
        if unit == "s":
            if len(ticks) and max(-int(np.min(ticks)), int(np.max(ticks))) > np.iinfo(np.int64).max // 1000:
                raise FrameTypeError("a time is beyond what 64-bit milliseconds can say")
            milliseconds = ticks * 1000
        else:
            per_ms = _UNITS_PER_MS[unit]
            milliseconds = ticks // per_ms if per_ms > 1 else ticks
            if per_ms > 1 and not self.has_nanos:
                self.has_nanos = bool((milliseconds * per_ms != ticks).any())
        if not array.null_count:
            return _inside(json_text.dumps_array(milliseconds))
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        return _with_nulls(json_text.dumps_array(np.where(valid, milliseconds, _NULL)), _NULL)


def write_numbers(columns: list[pa.Array]) -> bytes | None:
    """The values of numeric columns without nulls, brackets and all: most of what a dashboard asks for.

    None where one holds NaN or an infinity, which need a note.
    """
    arrays = [column.to_numpy(zero_copy_only=False) for column in columns]
    text = json_text.dumps_arrays(
        [each.view(np.int64) if each.dtype.kind == "M" else each for each in arrays]
    )
    return None if b"n" in text else text


def _write_integers(array: pa.Array) -> Parts:
    if not array.null_count:
        return _inside(json_text.dumps_array(array.to_numpy()))
    # The lowest signed and the highest unsigned number of a width have texts that no other number contains.
    unsigned = pa.types.is_unsigned_integer(array.type)
    null = 2**array.type.bit_width - 1 if unsigned else -(2 ** (array.type.bit_width - 1))
    bounds = pc.min_max(array)
    if null in (bounds["min"].as_py(), bounds["max"].as_py()):
        return _inside(json_text.dumps(array.to_pylist()))
    return _with_nulls(json_text.dumps_array(array.fill_null(null).to_numpy(zero_copy_only=False)), null)


def _with_nulls(text: bytes, null: int) -> Parts:
    return _inside(b"null".join(text.split(b"%d" % null)))  # faster than replace


def _inside(text: bytes) -> Parts:
    """A JSON array's text without its brackets."""
    return (memoryview(text)[1:-1],)


def _write_booleans(array: pa.Array) -> Parts:
    codes = array.cast(pa.uint8()).fill_null(2).to_numpy(zero_copy_only=False)
    text: bytes = _BOOL_TEXTS[codes].tobytes()
    return (text.replace(b" ", b"")[:-1],)


def _write_json(array: pa.Array) -> Parts:
    texts = ["null" if text is None else text for text in array.to_pylist()]
    for text in texts:
        try:
            json_text.loads(text)
        except ValueError as error:
            raise FrameTypeError(f"a JSON column holds a text that is not JSON: {error}") from error
    return (",".join(texts).encode(),)


def _write_strings(array: pa.Array) -> Parts:
    if pa.types.is_dictionary(array.type):
        if len(array.dictionary) <= len(array):
            return _write_dictionary(array)
        array = array.dictionary_decode()
    if len(array) <= _SAMPLE * 2:
        return _inside(json_text.dumps(array.to_pylist()))
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    if len(array.slice(0, _SAMPLE).unique()) < _SAMPLE // 4:
        return _write_dictionary(array.dictionary_encode())
    return _write_distinct(array)


def _write_dictionary(array: pa.DictionaryArray) -> Parts:
    """Each text is written once, with its comma; gathering them lays the whole list out in one buffer."""
    texts = [json_text.dumps(value) + b"," for value in array.dictionary.to_pylist()]
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(texts))
        texts.append(b"null,")
    gathered = pa.array(texts, pa.large_binary()).take(indices)
    _, offsets, data = gathered.buffers()
    end = int(np.frombuffer(offsets, np.int64)[len(gathered)])
    return (memoryview(data)[: end - 1],)


def _write_distinct(array: pa.Array) -> Parts:
    """Strings that do not repeat: joined as they are, unless one needs escaping."""
    ends, characters = _text(array)
    if ((characters < 0x20) | (characters == 0x22) | (characters == 0x5C)).any():
        return _inside(json_text.dumps(array.to_pylist()))
    if (characters >= 0x80).any():
        array.validate(full=True)  # what is not UTF-8 would go out as it is
    if pa.types.is_large_string(array.type):
        valid = array.is_valid().buffers()[1] if array.null_count else None
        ends32 = (ends - ends[0]).astype(np.int32)
        buffers = (pa.py_buffer(ends32), pa.py_buffer(characters), valid)
        array = pa.StringArray.from_buffers(len(array), *buffers)
    nulls = array.null_count
    if nulls:
        array = array.fill_null("\x01")  # a control character: no string of this slice has one
    whole = pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array)
    text = memoryview(pc.binary_join(whole, '","')[0].as_buffer())
    return (b"".join((b'"', text, b'"')).replace(b'"\x01"', b"null"),) if nulls else (b'"', text, b'"')


def _text(array: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
    """Where the strings of a slice end in its buffer, and the bytes of that part of the buffer."""
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1]
    return ends, np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]


def _ticks(array: pa.Array) -> Ints:
    """Times as counts of their unit; 0 for a null."""
    if not array.null_count:
        return cast("Ints", array.to_numpy(zero_copy_only=False).view(np.int64))
    return cast("Ints", array.view(pa.int64()).fill_null(0).to_numpy())


def _nanos(array: pa.Array) -> Ints:
    per_ms = _UNITS_PER_MS[array.type.unit]
    return _ticks(array) % per_ms * (1_000_000 // per_ms)
