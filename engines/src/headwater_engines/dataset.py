"""A query as an Arrow dataset: for DuckDB, and whatever else scans those. Needs pyarrow only.

```python
shop = dataset(headwater, "shop", "SELECT * FROM orders")
duckdb.sql("SELECT city, count(*) FROM shop WHERE id > 1000 GROUP BY city")
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Unpack

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
from attrs import frozen

from headwater import Headwater
from headwater.queries import QueryOptions, ReadTask, filters_of

from .local import read_side_by_side

__all__ = ["HeadwaterDataset", "dataset"]

_PARTS = 8


def dataset(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    target: int = _PARTS,
    **options: Unpack[QueryOptions],
) -> HeadwaterDataset:
    """`query` as a dataset that is read anew by each scan, in about `target` parts; options as for
    `Headwater.query`. Plans once to know its schema; raises what `Headwater.read_tasks` raises."""
    return HeadwaterDataset(headwater, data_source, query, target, options)


class HeadwaterDataset(pyarrow.dataset.Dataset):  # type: ignore[misc]
    """Columns and the filters that the data source applies exactly are read from it alone; each scan applies
    all of its filter to what comes."""

    def __init__(
        self,
        headwater: Headwater,
        data_source: str,
        query: str | Mapping[str, Any],
        target: int,
        options: QueryOptions,
    ) -> None:
        self._headwater = headwater
        self._asked = data_source, query
        self._target = target
        self._options = options
        self._schema = headwater.read_tasks(*self._asked, target=1, **options).schema

    @property
    def schema(self) -> pa.Schema:
        """Of a scan of all columns."""
        return self._schema

    def scanner(
        self,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,  # noqa: A002
        **_: Any,
    ) -> pyarrow.dataset.Scanner:
        """A scan; options for files are passed over."""
        tasks = self._headwater.read_tasks(
            *self._asked,
            target=self._target,
            columns=None if columns is None else [*columns, *self._named_in(filter, besides=columns)],
            filters=filters_of(filter, self._schema),
            **self._options,
        )
        batches = read_side_by_side(self._headwater, tasks)
        return pyarrow.dataset.Scanner.from_batches(
            batches, schema=tasks.schema, columns=columns, filter=filter
        )

    def get_fragments(self, filter: pc.Expression | None = None) -> Iterator[HeadwaterFragment]:  # noqa: A002
        """The parts of a scan, for engines that read each by itself, with all columns."""
        tasks = self._headwater.read_tasks(
            *self._asked, target=self._target, filters=filters_of(filter, self._schema), **self._options
        )
        return (HeadwaterFragment(self._headwater, task) for task in tasks)

    def _named_in(self, expression: pc.Expression | None, besides: list[str]) -> list[str]:
        """The columns that `expression` may read: those whose name is anywhere in its text."""
        text = "" if expression is None else str(expression)
        return [name for name in self._schema.names if name in text and name not in besides]


@frozen
class HeadwaterFragment:
    """One part of a dataset."""

    _headwater: Headwater
    _task: ReadTask

    def scanner(
        self,
        schema: pa.Schema | None = None,
        *,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,  # noqa: A002
        **_: Any,
    ) -> pyarrow.dataset.Scanner:
        """A scan of its rows; options for files are passed over."""
        schema = schema or self._task.schema
        return pyarrow.dataset.Scanner.from_batches(
            self._batches(), schema=schema, columns=columns, filter=filter
        )

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._headwater.read_task(self._task) as stream:
            yield from stream
