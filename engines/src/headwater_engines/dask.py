"""A query as a data frame of Dask, or as a bag of its record batches.

```python
orders = from_headwater(headwater, "shop", "SELECT * FROM orders", host="store", target=32)
orders.groupby("city").amount.sum().compute()
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import dask.bag
import dask.dataframe
import pandas as pd
import pyarrow as pa
from dask import delayed

from headwater import Filter, Headwater
from headwater.queries import QueryOptions

from .hosts import HostLike, batches, worker_host
from .narrowing import check_filters, columns_read, narrowed, schema_of

__all__ = ["bag_from_headwater", "from_headwater"]

_PARTS = 32


def from_headwater(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    host: HostLike,
    target: int = _PARTS,
    columns: Sequence[str] | None = None,
    filters: Sequence[Filter] = (),
    **options: Unpack[QueryOptions],
) -> dask.dataframe.DataFrame:
    """`query` as a data frame with Arrow's types, in about `target` partitions that workers read.

    `headwater` plans, here and once; workers get their own by `host` (see `headwater_engines.hosts`).
    Other options as for `Headwater.read_tasks`, which also says what is raised. All of `filters` are applied.
    """
    read = columns_read(columns, filters)
    tasks = headwater.read_tasks(data_source, query, target=target, columns=read, filters=filters, **options)
    check_filters(tasks)
    schema = schema_of(tasks.schema, columns)
    meta = schema.empty_table().to_pandas(types_mapper=pd.ArrowDtype)
    return dask.dataframe.from_map(
        _frame,
        [task.to_bytes() for task in tasks],
        meta=meta,
        label="headwater",
        enforce_metadata=False,
        host=worker_host(host),
        schema=schema,
        filters=tasks.unhandled_filters,
    )


def bag_from_headwater(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    host: HostLike,
    target: int = _PARTS,
    columns: Sequence[str] | None = None,
    filters: Sequence[Filter] = (),
    **options: Unpack[QueryOptions],
) -> dask.bag.Bag:
    """As `from_headwater`, as a bag of `pyarrow.RecordBatch`."""
    read = columns_read(columns, filters)
    tasks = headwater.read_tasks(data_source, query, target=target, columns=read, filters=filters, **options)
    check_filters(tasks)
    schema = schema_of(tasks.schema, columns)
    part = delayed(_batches, pure=True)
    parts = [part(task.to_bytes(), worker_host(host), schema, tasks.unhandled_filters) for task in tasks]
    return dask.bag.from_delayed(parts)


def _batches(
    task: bytes, host: HostLike, schema: pa.Schema, filters: Sequence[Filter]
) -> list[pa.RecordBatch]:
    return [narrowed(batch, filters, schema) for batch in batches(task, host)]


def _frame(task: bytes, host: HostLike, schema: pa.Schema, filters: Sequence[Filter]) -> pd.DataFrame:
    table = pa.Table.from_batches(_batches(task, host, schema, filters), schema)
    return table.to_pandas(types_mapper=pd.ArrowDtype)
