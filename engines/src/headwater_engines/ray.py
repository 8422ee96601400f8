"""A query as a data set of Ray Data, or as plain tasks of Ray that return tables.

```python
orders = read_headwater(headwater, "shop", "SELECT * FROM orders", host="store", target=32)
orders.groupby("city").sum("amount").to_pandas()
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

import pyarrow as pa
import ray
import ray.data
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask as RayReadTask

from headwater import Filter, Headwater
from headwater.queries import QueryOptions, ReadTasks

from .hosts import HostLike, WorkerHost, batches, worker_host
from .narrowing import check_filters, columns_read, narrowed, schema_of

__all__ = ["HeadwaterDatasource", "read_headwater", "read_tables"]

_PARTS = 32


def read_headwater(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    host: HostLike,
    target: int = _PARTS,
    columns: Sequence[str] | None = None,
    filters: Sequence[Filter] = (),
    **options: Unpack[QueryOptions],
) -> ray.data.Dataset:
    """`query` as a data set, in about `target` read tasks that workers run.

    `headwater` plans, here and once; workers get their own by `host` (see `headwater_engines.hosts`).
    Other options as for `Headwater.read_tasks`, which also says what is raised. All of `filters` are applied.
    """
    read = columns_read(columns, filters)
    tasks = headwater.read_tasks(data_source, query, target=target, columns=read, filters=filters, **options)
    source = HeadwaterDatasource(tasks, worker_host(host), columns)
    return ray.data.read_datasource(source, override_num_blocks=len(tasks))


def read_tables(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    host: HostLike,
    target: int = _PARTS,
    columns: Sequence[str] | None = None,
    filters: Sequence[Filter] = (),
    **options: Unpack[QueryOptions],
) -> list[ray.ObjectRef[pa.Table]]:
    """As `read_headwater`, as one plain task of Ray for each part: less to start than Ray Data."""
    read = columns_read(columns, filters)
    tasks = headwater.read_tasks(data_source, query, target=target, columns=read, filters=filters, **options)
    check_filters(tasks)
    schema = schema_of(tasks.schema, columns)
    table, where = ray.remote(_table), worker_host(host)
    return [table.remote(task.to_bytes(), where, schema, tasks.unhandled_filters) for task in tasks]


class HeadwaterDatasource(Datasource):
    """The tasks of one plan, for `ray.data.read_datasource`; of their columns `columns`, all for None."""

    def __init__(self, tasks: ReadTasks, host: WorkerHost, columns: Sequence[str] | None = None) -> None:
        super().__init__()
        check_filters(tasks)
        self._tasks = tasks
        self._host = host
        self._schema = schema_of(tasks.schema, columns)

    def get_name(self) -> str:
        """What dashboards call it."""
        return "Headwater"

    def estimate_inmemory_data_size(self) -> int | None:
        """Bytes as Arrow, None if unknown."""
        return self._tasks.estimated_bytes

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, **_: Any
    ) -> list[RayReadTask]:
        """One for each part, however many Ray asks for: they have been planned. Options of other versions of
        Ray are passed over."""
        del parallelism
        limit = {} if per_task_row_limit is None else {"per_task_row_limit": per_task_row_limit}
        return [
            RayReadTask(
                self._read(task.to_bytes()),
                BlockMetadata(None, task.estimated_bytes, None, None),  # Ray takes a number of rows for exact
                self._schema,
                **limit,
            )
            for task in self._tasks
        ]

    def _read(self, task: bytes) -> Callable[[], Iterable[pa.Table]]:
        return partial(_tables, task, self._host, self._schema, self._tasks.unhandled_filters)


def _tables(
    task: bytes, host: WorkerHost, schema: pa.Schema, filters: Sequence[Filter]
) -> Iterable[pa.Table]:
    """Blocks as the rows arrive, at least one: it has the schema."""
    empty = True
    for batch in batches(task, host):
        empty = False
        yield pa.Table.from_batches([narrowed(batch, filters, schema)], schema)
    if empty:
        yield schema.empty_table()


def _table(task: bytes, host: WorkerHost, schema: pa.Schema, filters: Sequence[Filter]) -> pa.Table:
    return pa.concat_tables(_tables(task, host, schema, filters))
