"""What is checked of a column, however fast."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater_clickhouse.types.validation import check_values

TEXTS = st.lists(st.none() | st.text(max_size=20))


def strings(offsets: list[int], data: bytes) -> pa.Array:
    buffers = [None, pa.py_buffer(np.array(offsets, np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


@given(TEXTS, st.data())
def test_text_is_sound_whatever_it_holds(texts: list[str | None], data: st.DataObject) -> None:
    array = pa.array(texts, pa.string())
    check_values(array)
    check_values(array.dictionary_encode())
    check_values(array.slice(data.draw(st.integers(0, len(texts)))))


@pytest.mark.parametrize(
    "damaged",
    [
        strings([0, 4, 2, 6], b"abcdef"),
        strings([0, 1, 2], b"a\xff"),
        strings([0, 8, 9], b"abcdefgh\xff"),
        strings([0, 1, 2], "é".encode()),
        strings([3, 11], b"abcdefg\xc3\xc3\xc3\xc3"),
        pa.DictionaryArray.from_arrays(pa.array([0, 2], pa.int32()), ["a", "b"], safe=False),
        pa.DictionaryArray.from_arrays(pa.array([0, -1], pa.int32()), ["a", "b"], safe=False),
        pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), strings([0, 1], b"\xff"), safe=False),
        pa.StructArray.from_arrays([strings([0, 1], b"\xff")], ["s"]),
    ],
    ids=["offsets", "tail", "after a word", "cut character", "inside", "above", "below", "name", "nested"],
)
def test_what_is_damaged_is_found(damaged: pa.Array) -> None:
    with pytest.raises(pa.ArrowInvalid):
        check_values(damaged)


def test_nothing_and_nulls_are_sound() -> None:
    check_values(pa.array([], pa.string()))
    check_values(pa.nulls(3, pa.string()))
    check_values(pa.nulls(3, pa.dictionary(pa.int32(), pa.string())))
