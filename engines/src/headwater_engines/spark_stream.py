"""Streaming reads of Spark: `spark.readStream.format("headwater")`.

Two numbers say which rows a batch has, and Spark keeps them in its checkpoint: a batch that is read again,
after a restart or by another executor, has the same rows. They are keys of a table to which rows are only
added, or moments on the borders of a query's steps.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final

import pyarrow as pa
from attrs import field, frozen
from pyspark.sql.datasource import DataSourceStreamReader, InputPartition
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

from headwater import Filter, Headwater
from headwater.errors import ReadTaskError, ValidationError
from headwater.frames import parse_interval_string, parse_time
from headwater.queries import QueryOptions, ReadTasks

from .hosts import batches, host_of
from .narrowing import columns_read, narrowed, schema_of
from .spark_options import SparkOptions
from .spark_types import cast_batch

__all__ = ["HeadwaterStreamReader"]

_AFTER: Final = "after"
_MOST_STEPS: Final = 5_000
"""Of one batch: a server of time series makes steps longer where a range has too many."""


@frozen
class StreamPartition(InputPartition):
    """A read task, and what of its rows is not wanted."""

    task: bytes
    filters: Sequence[Filter] = ()
    columns: Sequence[str] | None = None

    @property
    def value(self) -> bytes:
        """Where Spark looks for what a partition holds."""
        return self.task


class HeadwaterStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Plans batches where Spark's driver is, and reads them where its executors are."""

    def __init__(self, options: Mapping[str, str], schema: StructType) -> None:
        self._options = SparkOptions.read(options)
        self._offsets = _offsets(self._options)
        self._schema = to_arrow_schema(schema, timezone="UTC")
        self._until: int | None = None

    def initialOffset(self) -> dict[str, int]:  # noqa: N802 - Spark's name
        """After which key, or moment, a query without a checkpoint begins."""
        return {_AFTER: self._offsets.first()}

    def latestOffset(self, start: dict[str, int], limit: object = None) -> dict[str, int]:  # noqa: N802
        """Up to where rows can be read."""
        del limit
        after = start[_AFTER]
        reached = self._latest() if self._until is None else self._until
        return {_AFTER: self._offsets.next(after, max(after, reached))}

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        """What comes later is left to the next query."""
        self._until = self._latest()

    def _latest(self) -> int:
        return self._offsets.latest(host_of(self._options.host))

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> Sequence[InputPartition]:
        """The tasks that read what is after `start` and not after `end`."""
        if start[_AFTER] >= end[_AFTER]:
            return []
        tasks = self._offsets.plan(start[_AFTER], end[_AFTER])
        columns = self._options.columns
        return [StreamPartition(task.to_bytes(), tasks.unhandled_filters, columns) for task in tasks]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of one task, as they arrive."""
        assert isinstance(partition, StreamPartition)
        for batch in batches(partition.task, self._options.host):
            kept = narrowed(batch, partition.filters, schema_of(batch.schema, partition.columns))
            yield self._conformed(cast_batch(kept))

    def _conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """With the columns that the stream began with: labels that no series has now are null."""
        if unknown := [name for name in batch.schema.names if name not in self._schema.names]:
            raise ReadTaskError(
                f"The result has a column {unknown[0]!r} that it lacked when the stream began: name the "
                "columns with the option columns, or begin a new stream."
            )
        absent = set(self._schema.names) - set(batch.schema.names)
        columns = [
            pa.nulls(batch.num_rows, each.type) if each.name in absent else batch.column(each.name)
            for each in self._schema
        ]
        return pa.record_batch(columns, schema=self._schema)


@frozen
class _Offsets(ABC):
    _options: SparkOptions

    @abstractmethod
    def first(self) -> int: ...

    @abstractmethod
    def latest(self, headwater: Headwater) -> int: ...

    def next(self, after: int, latest: int) -> int:
        """Where a batch ends."""
        del after
        return latest

    @abstractmethod
    def plan(self, after: int, until: int) -> ReadTasks: ...


@frozen
class _Keys(_Offsets):
    """Whole numbers in a column that grows with each row."""

    key: str
    latest_query: str
    start_after: int

    def first(self) -> int:
        return self.start_after

    def latest(self, headwater: Headwater) -> int:
        """What the query `latest` finds: the greatest key below which no row is missing any more."""
        found = headwater.query(self._options.data_source, self.latest_query).table
        value = found.column(0)[0].as_py() if found.num_columns and found.num_rows else None
        if value is None:
            return self.start_after
        with suppress(ValueError, OverflowError):  # of NaN and infinity
            if isinstance(value, int | float | Decimal) and int(value) == value:
                return int(value)
        raise ValidationError(f"found {value!r}, which is no whole number", path="option latest")

    def plan(self, after: int, until: int) -> ReadTasks:
        filters = [Filter(self.key, ">", after), Filter(self.key, "<=", until)]
        return self._options.plan(columns=columns_read(self._options.columns, filters), filters=filters)


@frozen
class _Steps(_Offsets):
    """Milliseconds since 1970, each a multiple of `step`: the time of a batch's last points."""

    step: int = field()
    delay: int
    start: str

    def first(self) -> int:
        begin = int(parse_time(self.start).timestamp() * 1000) if self.start else self._complete()
        return begin // self.step * self.step

    def latest(self, headwater: Headwater) -> int:
        del headwater
        return self._complete()

    def next(self, after: int, latest: int) -> int:
        return min(latest, after + _MOST_STEPS * self.step)

    def plan(self, after: int, until: int) -> ReadTasks:
        times: QueryOptions = {
            "from_": str(after + self.step),
            "to": str(until),
            "interval_ms": self.step,
            "max_data_points": 2 * _MOST_STEPS,
        }
        return self._options.plan(columns=self._options.columns, **times)

    def _complete(self) -> int:
        return (int(time.time() * 1000) - self.delay) // self.step * self.step


def _offsets(options: SparkOptions) -> _Offsets:
    given = options.given
    if "key" in given:
        return _Keys(options, given["key"], options.text("latest"), options.number("startAfter", -1))
    if "step" in given:
        step = _milliseconds(given["step"], "step", least=1)
        delay = _milliseconds(given.get("delay", given["step"]), "delay", least=0)
        return _Steps(options, step, delay, given.get("from", ""))
    raise ValidationError(
        "a stream needs key, a column of whole numbers that grow with each row, or step, the time between "
        "points of a query of time series",
        path="options",
    )


def _milliseconds(text: str, option: str, *, least: int) -> int:
    try:
        found = int(parse_interval_string(text).total_seconds() * 1000)
    except ValidationError:
        raise ValidationError("is no time such as 15s or 1m", path=f"option {option}") from None
    if found < least:
        raise ValidationError(f"is less than {least} ms", path=f"option {option}")
    return found
