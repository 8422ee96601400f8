"""A frame: an Arrow table with a name, a ref id, meta, and labels and display config for each column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs
import pyarrow as pa
from attrs import frozen

from .errors import FrameError
from .field_config import FieldConfig
from .limits import value_bytes
from .meta import LIMITED_TO, FrameMeta, Notice
from .schema import (
    DESCRIBED,
    REF_ID,
    describe_field,
    describe_metadata,
    field_config,
    field_labels,
    read_schema,
)

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_PREVIEW_ROWS = 10


@frozen(eq=False)
class Field:
    """One column: its name and values, and what clients should know of it.

    As an argument of `Frame.from_fields`, `values` is anything `pa.array` takes, and `type` makes it exact.
    As an item of `Frame.fields`, `values` is a `pa.ChunkedArray`.
    """

    name: str
    values: Any
    labels: Mapping[str, str] = attrs.field(factory=dict)
    config: FieldConfig | None = None
    type: pa.DataType = None
    nullable: bool = True

    def __repr__(self) -> str:
        labels = (
            f" {{{', '.join(f'{key}={value}' for key, value in self.labels.items())}}}" if self.labels else ""
        )
        count = f"{len(self.values)} values" if isinstance(self.values, Sized) else "values yet to be read"
        return f"<Field {self.name}{labels}: {self.type}, {count}>"


@frozen(eq=False, repr=False)
class Frame:
    """An immutable facade over a `pa.Table`, which keeps every Arrow type as it is.

    The table describes itself: its schema metadata holds name, ref id and meta, and each field's metadata
    holds labels and config, under the keys that Grafana uses. So nothing is lost through
    `frame.table`, Parquet, or the Arrow C stream, and `Frame.from_table` gets the frame back.
    Column names may repeat: use `fields` or `table.column(index)` then.
    """

    table: pa.Table
    name: str = ""
    ref_id: str = ""
    meta: FrameMeta | None = None

    def __attrs_post_init__(self) -> None:
        metadata = describe_metadata(self.table.schema.metadata, self.name, self.ref_id, self.meta)
        object.__setattr__(self, "table", self.table.replace_schema_metadata(metadata))

    @classmethod
    def _described(cls, table: pa.Table, name: str, ref_id: str, meta: FrameMeta | None) -> Self:
        """A frame of a table whose metadata says all of it already."""
        frame = cls.__new__(cls)
        for key, value in (("table", table), ("name", name), ("ref_id", ref_id), ("meta", meta)):
            object.__setattr__(frame, key, value)
        return frame

    @classmethod
    def from_table(
        cls,
        table: pa.Table | Any,
        *,
        name: str | None = None,
        ref_id: str | None = None,
        meta: FrameMeta | None = None,
        labels: Mapping[str, Mapping[str, str]] | None = None,
        configs: Mapping[str, FieldConfig] | None = None,
    ) -> Self:
        """A frame of `table`: a `pa.Table`, or anything with an Arrow C stream (pandas, polars, DuckDB).

        What is not given is taken from the table's own metadata. `labels` and `configs` are keyed by column.

        :raises FrameError: `labels` or `configs` name a column that the table does not have.
        :raises FrameDecodeError: the table's metadata is malformed.
        """
        arrow = table if isinstance(table, pa.Table) else pa.table(table)
        own_name, own_ref_id, own_meta = read_schema(arrow.schema)
        frame = cls(
            arrow,
            own_name if name is None else name,
            own_ref_id if ref_id is None else ref_id,
            own_meta if meta is None else meta,
        )
        return frame.with_labels(labels or {}).with_configs(configs or {})

    @classmethod
    def from_pydict(
        cls, columns: Mapping[str, Any], *, schema: pa.Schema | None = None, **described: Any
    ) -> Self:
        """A frame of Python columns; `described` are the keywords of `from_table`."""
        return cls.from_table(pa.Table.from_pydict(columns, schema=schema), **described)

    @classmethod
    def from_batches(cls, schema: pa.Schema, batches: Iterable[pa.RecordBatch], **described: Any) -> Self:
        """A frame of record batches, without copying; `described` are the keywords of `from_table`."""
        return cls.from_table(pa.Table.from_batches(batches, schema=schema), **described)

    @classmethod
    def from_fields(cls, fields: Sequence[Field], **described: Any) -> Self:
        """A frame of columns that bring their own labels and config.

        :raises FrameError: the columns differ in length.
        """
        columns = [_column(field) for field in fields]
        for index, column in enumerate(columns):
            if len(column) != len(columns[0]):
                raise FrameError(
                    "frame has different field lengths, "
                    f"field 0 is len {len(columns[0])} but field {index} is len {len(column)}"
                )
        schema = pa.schema(
            [_described_field(field, column.type) for field, column in zip(fields, columns, strict=True)]
        )
        return cls.from_table(pa.Table.from_arrays(columns, schema=schema), **described)

    def with_rows(self, table: pa.Table) -> Self:
        """A frame that says the same of itself, with the rows of a `table` that has this frame's schema."""
        return self._described(table, self.name, self.ref_id, self.meta)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema; its metadata carries name, ref id and meta, its fields' labels and config."""
        return self.table.schema

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return int(self.table.num_columns)

    @property
    def nbytes(self) -> int:
        """Bytes of the columns' values, without what Arrow holds around them."""
        return value_bytes(self.table)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns with labels and config, in order."""
        return tuple(self.field(index) for index in range(self.num_columns))

    def field(self, index: int) -> Field:
        """The column at `index`, with its labels and config. Raises IndexError."""
        arrow = self.schema.field(index)
        return Field(
            arrow.name,
            self.table.column(index),
            field_labels(arrow) or {},
            field_config(arrow),
            arrow.type,
            arrow.nullable,
        )

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the data source or a limit says about the rows."""
        return self.meta.notices if self.meta is not None else ()

    @property
    def truncated(self) -> bool:
        """Whether a limit has cut rows off; a notice says which."""
        return any(notice.text.startswith(LIMITED_TO) for notice in self.notices)

    def __len__(self) -> int:
        return self.num_rows

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def with_(self, **changes: Any) -> Self:
        """A copy with another `table`, `name`, `ref_id` or `meta`."""
        if changes.keys() == {"table"}:  # what is said of it is written already
            return self._with_table(changes["table"])
        kept = {"table": self.table, "name": self.name, "ref_id": self.ref_id, "meta": self.meta}
        return type(self)(**{**kept, **changes})  # `attrs.evolve` takes several times as long

    def _with_table(self, table: pa.Table) -> Self:
        own, given = self.table.schema.metadata or {}, table.schema.metadata or {}
        metadata = {key: value for key, value in given.items() if key not in DESCRIBED}
        metadata |= {key: own[key] for key in DESCRIBED if key in own}
        return self._described(
            table.replace_schema_metadata(metadata or None), self.name, self.ref_id, self.meta
        )

    def with_notice(self, *notices: Notice) -> Self:
        """A copy that carries `notices` after its own."""
        return self.with_(meta=(self.meta or FrameMeta()).with_notice(*notices)) if notices else self

    def with_labels(self, labels: Mapping[str, Mapping[str, str]]) -> Self:
        """A copy whose columns named in `labels` carry those labels instead of their own.

        :raises FrameError: no such column.
        """
        return self._with_fields(labels, lambda field, value: describe_field(field, labels=value))

    def with_configs(self, configs: Mapping[str, FieldConfig]) -> Self:
        """A copy whose columns named in `configs` carry that display config.

        :raises FrameError: no such column.
        """
        return self._with_fields(configs, lambda field, value: describe_field(field, config=value))

    def _with_fields(self, changes: Mapping[str, Any], describe: Any) -> Self:
        if not changes:
            return self
        unknown = sorted(changes.keys() - set(self.schema.names))
        if unknown:
            raise FrameError(f"no column named {unknown[0]!r}; the frame has {', '.join(self.schema.names)}")
        fields = [
            describe(field, changes[field.name]) if field.name in changes else field for field in self.schema
        ]
        schema = pa.schema(fields, metadata=self.schema.metadata)
        return self.with_(table=pa.Table.from_arrays(self.table.columns, schema=schema))

    def with_ref_id(self, ref_id: str) -> Self:
        """A copy with another ref id: what every answer of a query gets, so meta is not written anew."""
        metadata = {**(self.table.schema.metadata or {}), REF_ID: ref_id.encode()}
        table = self.table.replace_schema_metadata(metadata)
        return self._described(table, self.name, ref_id, self.meta)

    def slice(self, offset: int, length: int | None = None) -> Self:
        """Rows from `offset` on, without copying."""
        return self._described(self.table.slice(offset, length), self.name, self.ref_id, self.meta)

    def to_pandas(self, **options: Any) -> pd.DataFrame:
        """The rows as a pandas DataFrame; `options` are those of `pyarrow.Table.to_pandas`."""
        return self.table.to_pandas(**options)

    def to_polars(self) -> pl.DataFrame:
        """The rows as a Polars DataFrame. Needs polars."""
        import polars as pl

        return pl.DataFrame(self.table)

    def to_pylist(self) -> list[dict[str, Any]]:
        """A dict for each row.

        :raises FrameError: column names repeat, so that a dict could not hold all of them.
        """
        repeated = [name for name, count in Counter(self.schema.names).items() if count > 1]
        if repeated:
            raise FrameError(f"several columns are named {repeated[0]!r}: read them through `fields`")
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def equals(self, other: Frame, *, check_chunks: bool = False) -> bool:
        """Same name, ref id, meta, columns, labels, config and values; NaN equals NaN.

        Where the columns are cut into chunks does not count unless `check_chunks`.
        """
        if not self.schema.equals(other.schema, check_metadata=True) or self.num_rows != other.num_rows:
            return False
        pairs = list(zip(self.table.columns, other.table.columns, strict=True))
        if check_chunks and any(
            [len(chunk) for chunk in ours.chunks] != [len(chunk) for chunk in theirs.chunks]
            for ours, theirs in pairs
        ):
            return False
        return all(_same_values(ours, theirs) for ours, theirs in pairs)

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, Frame) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        title = " ".join(part for part in (self.name and repr(self.name), self.ref_id) if part)
        lines = [
            f"<Frame{' ' + title if title else ''}: {self.num_rows:,} rows × {self.num_columns} columns>"
        ]
        lines += [f"  {_signature(field)}" for field in self.fields]
        lines += [f"  {notice.severity}: {notice.text}" for notice in self.notices]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads = "".join(
            f"<th>{escape(field.name)}<br><small>{escape(_labels_text(field))}{escape(str(field.type))}</small></th>"
            for field in self.fields
        )
        preview = [_shown(column.slice(0, _PREVIEW_ROWS)) for column in self.table.columns]
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(_cell(cell))}</td>' for cell in row)}</tr>"
            for row in zip(*preview, strict=True)
        )
        notices = "".join(
            f"<p>{escape(notice.severity)}: {escape(notice.text)}</p>" for notice in self.notices
        )
        caption = f"{escape(self.name)} {self.num_rows:,} rows × {self.num_columns} columns"
        return (
            f"<table><caption>{caption.strip()}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{notices}"
        )


def _shown(column: pa.ChunkedArray) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):  # beyond Python's own types: years past 9999, or nanoseconds
        return [
            pa.array([each], column.type).to_string(skip_new_lines=True)[1:-1] if each.is_valid else None
            for each in column
        ]
    return values


def _column(field: Field) -> pa.ChunkedArray:
    values = field.values
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.array(values, type=field.type)
    elif field.type is not None and values.type != field.type:
        values = values.cast(field.type)
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _described_field(field: Field, type_: pa.DataType) -> pa.Field:
    arrow = pa.field(field.name, type_, nullable=field.nullable)
    return (
        describe_field(arrow, field.labels or None, field.config) if field.labels or field.config else arrow
    )


def _same_values(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    if ours.equals(theirs):
        return True
    if not _holds_floats(ours.type):
        return False
    # Arrow's equality has no "NaN equals NaN"; what is left of a column with NaN compares in Python.
    return all(a == b or (a != a and b != b) for a, b in zip(_plain(ours), _plain(theirs), strict=True))  # noqa: PLR0124


def _plain(column: pa.ChunkedArray) -> list[Any]:
    return [repr(value) if isinstance(value, list | dict) else value for value in column.to_pylist()]


def _holds_floats(type_: pa.DataType) -> bool:
    if pa.types.is_floating(type_):
        return True
    if pa.types.is_dictionary(type_):
        return _holds_floats(type_.value_type)
    return any(_holds_floats(type_.field(index).type) for index in range(type_.num_fields))


def _signature(field: Field) -> str:
    return f"{field.name}: {_labels_text(field)}{field.type}{'' if field.nullable else ' not null'}"


def _labels_text(field: Field) -> str:
    return (
        f"{{{', '.join(f'{key}={value}' for key, value in field.labels.items())}}} " if field.labels else ""
    )


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
