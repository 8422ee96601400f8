"""Rows out of nothing, after a handshake with a server that says "hello"."""

from __future__ import annotations

import itertools
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pyarrow as pa
from attrs import evolve

from headwater.errors import DeadlineExceededError, DownstreamConnectionError, QueryError
from headwater.frames import Frame, FrameMeta, FrameStream, Notice
from headwater.sdk import (
    CallContext,
    CheckHealthResult,
    DataSource,
    Filter,
    Partition,
    Partitions,
    QueryResult,
    ResourceRequest,
    resource,
)

from .plugin import FAULT, SeededQuery, SeededSettings

_SCHEMA = pa.schema({"number": pa.int64(), "words": pa.string()})
_BATCH = 20_000
_LEAKED: list[Any] = []


class SeededSource(DataSource[SeededSettings, SeededQuery]):
    living: ClassVar[list[SeededSource]] = []

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.poisoned = False
        self.closed = False
        self.calls = itertools.count()
        self.asked = 0
        SeededSource.living.append(self)
        if FAULT == "connects_when_built":
            try:
                self.connect().close()
            except OSError as error:
                raise DownstreamConnectionError("The server cannot be reached.") from error
        if FAULT == "keeps_the_secret" and self.settings.password is not None:
            self.dsn = f"seeded://{self.settings.password.reveal()}@host"
        if FAULT == "leaks_threads":
            threading.Thread(target=time.sleep, args=(60,), name="leaked", daemon=True).start()
        if FAULT == "leaks_files":
            _LEAKED.append(tempfile.TemporaryFile())  # noqa: SIM115

    def close(self) -> None:
        if FAULT == "closes_once" and self.closed:
            raise RuntimeError("closed twice")
        self.closed = True
        SeededSource.living = [each for each in SeededSource.living if each is not self]
        if FAULT == "shares_state":
            for each in SeededSource.living:
                each.poisoned = each.instance.uid != self.instance.uid

    def connect(self, timeout: float = 5.0) -> socket.socket:
        address = urlsplit(self.instance.url)
        connection = socket.create_connection((address.hostname, address.port), timeout)
        connection.settimeout(timeout)
        return connection

    def check_health(self, context: CallContext) -> CheckHealthResult:
        if FAULT == "health_lies":
            return CheckHealthResult.failed("not today")
        try:
            with self.connect() as connection:
                if FAULT == "health_hangs":
                    connection.settimeout(8.0)
                    connection.recv(5)
                else:
                    with context.on_cancel(lambda: connection.shutdown(socket.SHUT_RDWR)):
                        greeting = connection.recv(5)
                    context.check()
                    if greeting != b"hello":
                        return CheckHealthResult.failed("The server does not greet.")
        except OSError:
            return CheckHealthResult.failed("The server cannot be reached.")
        if FAULT == "tells_the_secret" and self.settings.password is not None:
            return CheckHealthResult.ok(f"Logged in with {self.settings.password.reveal()}")
        return CheckHealthResult.ok("The server greets.")

    @resource("about")
    def about(self, request: ResourceRequest, context: CallContext) -> dict[str, str]:
        return {"name": "seeded"}

    def query(self, query: SeededQuery, context: CallContext) -> QueryResult:
        if self.poisoned:
            raise RuntimeError("poisoned")
        if FAULT == "has_a_warning_driver":
            warnings.warn("greet() goes with version 3", DeprecationWarning, stacklevel=1)
        self._greet()
        answer = getattr(self, f"_{query.kind}")(query, context)
        assert isinstance(answer, Frame | FrameStream)
        return answer

    def partitions(
        self,
        query: SeededQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        """Ranges of numbers; nothing is pushed down."""
        if query.kind != "rows" or FAULT == "divides_nothing":
            return None
        size = -(-query.count // target)
        starts = [*range(0, query.count, size)]
        if FAULT == "loses_a_part" and len(starts) > 1:
            starts.pop()
        overlap = 1 if FAULT == "overlaps_parts" and len(starts) > 1 else 0
        return Partitions(
            tuple(self._part(query, first, min(size + overlap, query.count - first)) for first in starts),
            schema=_SCHEMA,
            handled_filters=filters if FAULT == "claims_filters" else (),
        )

    def _part(self, query: SeededQuery, first: int, count: int) -> Partition:
        json = {"kind": "rows", "first": first, "count": count}
        return Partition(evolve(query.data_query, json=json), estimated_rows=count)

    def _greet(self) -> None:
        try:
            with self.connect() as connection:
                connection.recv(5)
        except OSError as error:
            if FAULT == "refused_is_a_bug":
                raise RuntimeError("oops") from error
            if FAULT == "loses_the_cause":
                raise DownstreamConnectionError("no connection") from None
            raise DownstreamConnectionError("The server cannot be reached.") from error

    def _simple(self, query: SeededQuery, context: CallContext) -> Frame:
        extra = next(self.calls) if FAULT == "answers_vary" else 0
        return Frame.from_pydict({"number": [self.settings.first + extra]})

    def _wrong(self, query: SeededQuery, context: CallContext) -> Frame:
        if FAULT == "wrong_query_is_a_bug":
            raise ValueError("unexpected token")
        raise QueryError("unexpected token")

    def _series(self, query: SeededQuery, context: CallContext) -> Frame:
        """One point a minute: how many minutes have passed since 1970."""
        first, last = (int(each.timestamp()) // 60 for each in (query.time_range.from_, query.time_range.to))
        since = first if FAULT == "forgets_the_range" else 0
        minutes = range(first, last + 1)
        times = pa.array([minute * 60_000 for minute in minutes], pa.timestamp("ms", "UTC"))
        return Frame.from_pydict({"time": times, "minute": [minute - since for minute in minutes]})

    def _empty(self, query: SeededQuery, context: CallContext) -> Frame:
        return Frame.from_pydict(
            {} if FAULT == "empty_without_schema" else {"number": pa.array([], pa.int64())}
        )

    def _typed(self, query: SeededQuery, context: CallContext) -> Frame:
        kind = pa.int64() if FAULT == "widens_types" else pa.int8()
        return Frame.from_pydict({"number": pa.array([1, None, -128], kind)})

    def _words(self, query: SeededQuery, context: CallContext) -> Frame:
        text = query.text.encode("ascii", "replace").decode() if FAULT == "mangles_text" else query.text
        return Frame.from_pydict({"words": [text]})

    def _duplicates(self, query: SeededQuery, context: CallContext) -> Frame:
        names = ["a", "a_1"] if FAULT == "renames_duplicates" else ["a", "a"]
        return Frame(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names))

    def _bound(self, query: SeededQuery, context: CallContext) -> Frame:
        if query.params is None:
            if FAULT == "missing_parameter_is_a_bug":
                raise KeyError("params")
            raise QueryError("one parameter is missing")
        if isinstance(query.params, dict):
            if query.text != "$value":
                raise QueryError(f"{query.text} is no placeholder")
            value = query.params["value"]
        else:
            value = query.params[0]
        if FAULT == "pastes_parameters":
            value = value.replace("'", "''")
        if FAULT == "fills_placeholders_in_values":
            value = value.replace("$1", value)
        return Frame.from_pydict({"words": [value]})

    def _slow(self, query: SeededQuery, context: CallContext) -> Frame:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            time.sleep(0.01)
            by_deadline = isinstance(context.cancel_reason, DeadlineExceededError)
            if context.cancelled and ("ignores_deadlines" if by_deadline else "ignores_cancel") != FAULT:
                self.poisoned = FAULT == "spoilt_by_cancel" and not by_deadline
                context.check()
        return Frame.from_pydict({"number": [0]})

    def _rows(self, query: SeededQuery, context: CallContext) -> Frame | FrameStream:
        count = query.count
        if query.first:
            return FrameStream(_SCHEMA, iter([_batch(query.first, count)]))
        if FAULT == "mixes_up_threads":
            self.asked = count
            time.sleep(0.002)
            count = self.asked
        limit = context.limits.max_rows
        if FAULT == "cuts_silently" and limit is not None:
            count = min(count, limit)
        meta = None
        if FAULT == "notice_without_a_cut" and count == limit:
            meta = FrameMeta(notices=(Notice(text="Results have been limited"),))
        return FrameStream(_SCHEMA, self._batches(count), meta=meta)

    def _batches(self, count: int) -> Iterator[pa.RecordBatch]:
        size = count or 1 if FAULT == "one_big_batch" and count <= 10 * _BATCH else _BATCH
        batches: Iterator[pa.RecordBatch] = (
            _batch(first, min(size, count - first)) for first in range(0, count, size)
        )
        if FAULT == "buffers_everything":
            batches = iter(list(batches))
        if FAULT == "loses_the_last_batch" and count == 10 * _BATCH:
            batches = iter(list(batches)[:-1])
        try:
            yield from batches
        except GeneratorExit:
            self.poisoned = FAULT == "spoilt_by_leaving"
            raise


def _batch(first: int, size: int) -> pa.RecordBatch:
    import pyarrow.compute as pc

    numbers = pc.add(pa.array(range(size), pa.int64()), pa.scalar(first, pa.int64()))
    return pa.record_batch([numbers, pc.cast(numbers, pa.string())], schema=_SCHEMA)
