"""Read tasks: parts of one result that any process with the same data source can read.

Planning asks the plugin how it divides a query. A task is a query of the plugin and what it was planned with,
so that a reader refuses what has changed meanwhile instead of returning other rows.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, get_args, overload

from attrs import evolve, field, frozen

from headwater.errors import QueryError, ReadTaskError, ValidationError
from headwater.models import Consistency, DataQuery, Filter, FilterOperator
from headwater.version import __version__

from .chunks import stream_of
from .request import DataSourceRef, MetricQuery

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.calls.context import CallContext
    from headwater.datasources import DataSource
    from headwater.frames import FrameStream
    from headwater.models import User
    from headwater.plugins.registry import Registry

    from .service import QueryService

__all__ = ["ReadTask", "ReadTasks", "TaskReader"]

_MOST_BYTES = 1 << 20
"""Of a task as JSON. Planned ones take some hundred to some thousand."""
_MOST_PARTS = 100_000


class TaskReader(Protocol):
    """Reads tasks: a `Headwater`."""

    def read_task(self, task: ReadTask) -> FrameStream: ...


@frozen
class ReadTask:
    """A part of a result: the data source, the plugin's query, and what both were when it was planned.

    Holds no secret: a reader has its own data source of that uid. Pickles as the bytes of `to_bytes`.
    `fingerprint` is the data source's; `arrow_schema` a serialised Arrow schema of the columns that `read`
    returns; the estimates are of rows and Arrow bytes, None if unknown; `number` counts the tasks of a set
    from 0.
    """

    data_source: str
    fingerprint: str
    plugin_id: str
    plugin_version: str
    core_version: str
    query: DataQuery
    arrow_schema: bytes = field(repr=False)
    consistency: Consistency = Consistency.NONE
    number: int = 0
    estimated_rows: int | None = None
    estimated_bytes: int | None = None

    @property
    def schema(self) -> pa.Schema:
        """Of the batches that `read` returns."""
        import pyarrow as pa

        try:
            return pa.ipc.read_schema(pa.py_buffer(self.arrow_schema))
        except (pa.ArrowInvalid, OSError):
            raise ValidationError("holds no Arrow schema", path="task") from None

    def read(self, host: TaskReader) -> FrameStream:
        """The rows, as `host.read_task(self)` reads them."""
        return host.read_task(self)

    def to_bytes(self) -> bytes:
        """Compressed JSON: no code, safe to read from anywhere."""
        from headwater.plugins.serialization import to_data

        data = to_data(self)
        return zlib.compress(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The opposite of `to_bytes`. Raises ValidationError, ReadTaskError for one of another version."""
        from headwater.plugins.serialization import from_bytes

        unpacker = zlib.decompressobj()
        try:
            text = unpacker.decompress(data, _MOST_BYTES)
        except zlib.error:
            raise ValidationError("is no read task", path="task") from None
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValidationError(f"is cut, or longer than {_MOST_BYTES:,} bytes", path="task")
        return from_bytes(text, cls)

    def __reduce__(self) -> tuple[Any, ...]:
        return ReadTask.from_bytes, (self.to_bytes(),)


@frozen
class ReadTasks(Sequence[ReadTask]):
    """The tasks that together return every row of a result once, and what holds for all of them.

    `unhandled_filters` are those of the filters asked for that the tasks do not apply: the reader has to.
    `notices` say what a person should know, such as why there is one task only.
    """

    tasks: tuple[ReadTask, ...] = field(repr=False)
    schema: pa.Schema
    consistency: Consistency
    unhandled_filters: tuple[Filter, ...] = ()
    notices: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> ReadTask: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ReadTask, ...]: ...
    def __getitem__(self, index: int | slice) -> ReadTask | tuple[ReadTask, ...]:
        return self.tasks[index]

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def estimated_rows(self) -> int | None:
        """Of all tasks; None if one of them does not know."""
        return _total([task.estimated_rows for task in self.tasks])

    @property
    def estimated_bytes(self) -> int | None:
        """Of all tasks, as Arrow; None if one of them does not know."""
        return _total([task.estimated_bytes for task in self.tasks])


def plan(
    service: QueryService,
    registry: Registry,
    query: MetricQuery,
    target: int,
    columns: Sequence[str] | None,
    filters: Sequence[Filter],
    context: CallContext,
) -> ReadTasks:
    """The tasks of `query`'s result. Raises what the query raises; QueryError for a column that it lacks."""
    _check_request(query.query, target)
    wanted = None if columns is None else tuple(dict.fromkeys(columns))
    asked = tuple(filters)
    _check_filters(asked)
    data_source, parts = service.partitions(query, target, wanted, asked, context)
    schema = parts.schema
    if schema is None:
        schema = _schema_of(service, MetricQuery(query.data_source, parts.parts[0].query), context)
    schema = _selected(schema.remove_metadata(), wanted, asked)
    plugin = registry.plugin(data_source.type)
    first = ReadTask(
        data_source=data_source.uid,
        fingerprint=data_source.fingerprint,
        plugin_id=plugin.plugin_id if plugin is not None else data_source.type,
        plugin_version=plugin.version if plugin is not None else "",
        core_version=__version__,
        query=query.query,
        arrow_schema=schema.serialize().to_pybytes(),
        consistency=parts.consistency,
    )
    tasks = tuple(
        evolve(
            first,
            query=part.query,
            number=number,
            estimated_rows=part.estimated_rows,
            estimated_bytes=part.estimated_bytes,
        )
        for number, part in enumerate(parts.parts)
    )
    unhandled = tuple(each for each in asked if each not in parts.handled_filters)
    return ReadTasks(tasks, schema, parts.consistency, unhandled, parts.notices)


def read(
    service: QueryService,
    registry: Registry,
    task: ReadTask,
    data_source: DataSource,
    context: CallContext,
    kept: Callable[[Any], Any],
    user: User | None,
) -> FrameStream:
    """The rows of `task`. Raises ReadTaskError if `data_source`, its plugin, this core or the schema is
    another than the task was planned with."""
    from headwater.frames import FrameStream

    try:
        _check_reader(task, data_source, registry)
    except BaseException:
        context.close()
        raise
    asked = MetricQuery(DataSourceRef(uid=task.data_source), task.query)
    stream = stream_of(kept(service.query_chunked_data([asked], context, user)), context)
    try:
        schema = task.schema
        taken = _columns_of(task, schema, stream.schema)
    except BaseException:
        stream.close()
        raise

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            yield batch.select(taken).replace_schema_metadata(None)

    return FrameStream(
        schema,
        batches(),
        name=stream.name,
        ref_id=stream.ref_id,
        meta=stream.meta,
        on_close=stream.close,
        on_cancel=stream.cancel,
    )


def _check_request(query: DataQuery, target: int) -> None:
    if not 1 <= target <= _MOST_PARTS:
        raise ValidationError(f"expected 1 to {_MOST_PARTS:,}", path="target")
    try:
        json.dumps(query.json)
    except (TypeError, ValueError):
        raise QueryError(
            "A query of read tasks travels as JSON: give its parameters as texts, numbers, booleans and null."
        ) from None


def _check_filters(filters: Sequence[Filter]) -> None:
    for each in filters:
        if each.operator not in (known := get_args(FilterOperator)):
            raise ValidationError(
                f"expected one of {', '.join(known)}, not {each.operator!r}", path="filters"
            )
        if each.operator == "in" and not isinstance(each.value, tuple):
            raise ValidationError(f"in takes several values, not {each.value!r}", path="filters")


def _schema_of(service: QueryService, query: MetricQuery, context: CallContext) -> pa.Schema:
    child = context.child()
    with stream_of(service.query_chunked_data([query], child), child) as stream:
        return stream.schema


def _selected(schema: pa.Schema, columns: tuple[str, ...] | None, filters: tuple[Filter, ...]) -> pa.Schema:
    import pyarrow as pa

    needed = (*(columns or ()), *(each.column for each in filters))
    if shared := [name for name in needed if len(schema.get_all_field_indices(name)) > 1]:
        raise QueryError(f"The result has several columns {shared[0]!r}: give them names of their own.")
    if missing := [name for name in needed if name not in schema.names]:
        raise QueryError(
            f"The result has no column {missing[0]!r}; it has {', '.join(schema.names) or 'none'}."
        )
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])


def _check_reader(task: ReadTask, data_source: DataSource, registry: Registry) -> None:
    if not _compatible(task.core_version, __version__):
        raise ReadTaskError(
            f"The task was planned by headwater {task.core_version}, and this reader has {__version__}: "
            "install one version on both."
        )
    plugin = registry.plugin(task.plugin_id)
    if plugin is not None and not _compatible(task.plugin_version, plugin.version):
        raise ReadTaskError(
            f"The task was planned by plugin {task.plugin_id!r} {task.plugin_version}, and this reader has "
            f"{plugin.version}: install one version on both."
        )
    if data_source.fingerprint != task.fingerprint:
        raise ReadTaskError(
            f"Data source {data_source.name!r} ({data_source.uid}) has been changed since the task was "
            f"planned (fingerprint {data_source.fingerprint}, then {task.fingerprint}): plan the read anew."
        )


def _compatible(planned: str, present: str) -> bool:
    """Whether both are of one minor version: a part is read by what knows all that it says."""
    return planned.split(".")[:2] == present.split(".")[:2]


def _columns_of(task: ReadTask, planned: pa.Schema, present: pa.Schema) -> list[int]:
    """Where the columns of `planned` are in `present`; by their place, if several share a name."""
    by_place = len(set(planned.names)) < len(planned)
    indexes = (
        list(range(len(planned))) if by_place else [present.get_field_index(name) for name in planned.names]
    )
    for wanted, index in zip(planned, indexes, strict=True):
        found = present.field(index) if 0 <= index < len(present) else None
        if found is None or not found.equals(wanted):
            now = f"is {found.type} now" if found is not None else "is gone"
            raise ReadTaskError(
                f"Column {wanted.name!r} ({wanted.type}) of part {task.number} {now}: the schema has changed "
                "since the task was planned. Plan the read anew."
            )
    return indexes


def _total(estimates: Sequence[int | None]) -> int | None:
    known = [each for each in estimates if each is not None]
    return sum(known) if len(known) == len(estimates) else None
