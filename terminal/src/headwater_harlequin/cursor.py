"""A cursor: as many rows of an answer as Harlequin wants, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
from harlequin.adapter import HarlequinCursor

from headwater.errors import HeadwaterError, PluginRequestCanceledError
from headwater.frames import FrameStream

from .failures import query_error

__all__ = ["HeadwaterCursor"]


class HeadwaterCursor(HarlequinCursor):
    """Rows arrive while they are read, and leaving early ends the query at its database."""

    def __init__(self, rows: FrameStream, end: Callable[[], None]) -> None:
        self._rows = rows
        self._end = end
        self._limit: int | None = None

    def columns(self) -> list[tuple[str, str]]:
        """Names, and what a column holds in one to three letters."""
        return [(field.name, short_type(field.type)) for field in self._rows.schema]

    def set_limit(self, limit: int) -> HeadwaterCursor:
        """At most so many rows."""
        self._limit = limit
        return self

    def fetchall(self) -> pa.Table | None:
        """The rows; None if there are none, or if the query was cancelled. Raises HarlequinQueryError."""
        batches, missing = [], self._limit
        try:
            for batch in self._rows:
                taken = batch if missing is None else batch.slice(0, missing)
                batches.append(taken)
                missing = None if missing is None else missing - taken.num_rows
                if missing == 0:
                    break
        except PluginRequestCanceledError:
            return None
        except HeadwaterError as error:
            raise query_error(error) from error
        finally:
            self._rows.close()
            self._end()
        table = pa.Table.from_batches(batches, self._rows.schema)
        return table if table.num_rows else None


_SHORT: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "t/f"),
    (pa.types.is_integer, "##"),
    (pa.types.is_floating, "#.#"),
    (pa.types.is_decimal, "#.#"),
    (pa.types.is_timestamp, "ts"),
    (pa.types.is_date, "d"),
    (pa.types.is_time, "t"),
    (pa.types.is_duration, "|-|"),
    (pa.types.is_binary, "0b"),
    (pa.types.is_large_binary, "0b"),
    (pa.types.is_map, "{}"),
    (pa.types.is_struct, "{}"),
    (pa.types.is_nested, "[]"),
    (pa.types.is_null, "?"),
)


def short_type(kind: pa.DataType) -> str:
    """As Harlequin's own adapters write it; text is `s`."""
    if pa.types.is_dictionary(kind):
        return short_type(kind.value_type)
    return next((short for fits, short in _SHORT if fits(kind)), "s")
