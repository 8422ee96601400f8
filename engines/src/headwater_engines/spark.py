"""The Spark data source `headwater`.

```python
register(spark)
orders = (
    spark.read.format("headwater")
    .option("dataSource", "shop").option("query", "SELECT * FROM orders").option("host", "store")
    .load()
)
```

Spark plans and reads in Python processes of its own, so that both get their data sources by the option
`host`. Options show in plans, logs and the UI; those that look like secrets are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import frozen
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    EqualTo,
    Filter as SparkFilter,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    InputPartition,
    IsNotNull,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Not,
)
from pyspark.sql.pandas.types import from_arrow_schema

from headwater import Filter

from .hosts import batches
from .spark_options import SparkOptions
from .spark_stream import HeadwaterStreamReader
from .spark_types import cast_batch, spark_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

__all__ = ["HeadwaterReader", "HeadwaterSource", "TaskPartition", "register"]

_COMPARISONS: dict[type[SparkFilter], Any] = {
    EqualTo: "=", GreaterThan: ">", GreaterThanOrEqual: ">=", LessThan: "<", LessThanOrEqual: "<=",
}  # fmt: skip


def register(spark: SparkSession) -> None:
    """Make `headwater` known to `spark`, and let it offer filters to those who take them."""
    spark.dataSource.register(HeadwaterSource)
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")


class HeadwaterSource(DataSource):
    """`dataSource` (uid or name), `query` (its text, or the query object as JSON) and `host` are required.

    Others are `target` (parts, 32), `columns` (names with commas between them, all), `from` and `to` of the
    time range, and `params` as JSON. `pushFilters` is `true` for a data frame that is used once: Spark keeps
    the filters of a data frame's first use for its later ones, also where those have none.

    Streams take `key` and `latest`, and `startAfter`; or `step`, and `delay`.
    """

    @classmethod
    def name(cls) -> str:
        """For `format(…)`."""
        return "headwater"

    def schema(self) -> StructType:
        """Found out by a plan of one part. Raises what the query raises."""
        found = SparkOptions.read(self.options).plan(target=1).schema
        return from_arrow_schema(spark_schema(found), prefer_timestamp_ntz=True)

    def reader(self, schema: StructType) -> DataSourceReader:
        """Of one batch read."""
        del schema
        return HeadwaterReader(self.options)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: N802 - Spark's name
        """Of a stream: of rows with ever greater keys, or of the points of steps."""
        return HeadwaterStreamReader(self.options, schema)


@frozen
class TaskPartition(InputPartition):
    """A read task, as its bytes."""

    task: bytes

    @property
    def value(self) -> bytes:
        """Where Spark looks for what a partition holds."""
        return self.task


class HeadwaterReader(DataSourceReader):
    """Plans where Spark's driver is, and reads where its executors are."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = SparkOptions.read(options)
        self._tasks: list[bytes] | None = None

    def pushFilters(self, filters: list[SparkFilter]) -> Iterable[SparkFilter]:  # noqa: N802 - Spark's name
        """Those that the tasks do not apply exactly go back to Spark; all, without the option."""
        if not self._options.pushes_filters:
            return filters
        known = {each: pushed for each in filters if (pushed := _filter_of(each)) is not None}
        tasks = self._options.plan(filters=list(known.values()))
        self._tasks = [task.to_bytes() for task in tasks]
        return [each for each in filters if each not in known or known[each] in tasks.unhandled_filters]

    def partitions(self) -> list[InputPartition]:
        """One for each task."""
        planned, self._tasks = self._tasks, None  # executors need theirs only
        if planned is None:
            planned = [task.to_bytes() for task in self._options.plan()]
        return [TaskPartition(task) for task in planned]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of one task, as they arrive. Read again if the executor is lost."""
        assert isinstance(partition, TaskPartition)
        return (cast_batch(batch) for batch in batches(partition.task, self._options.host))


def _filter_of(each: SparkFilter) -> Filter | None:
    """The same condition; None for one on a nested field, or of another kind."""
    match each:
        case Not(child=EqualTo(attribute=(str(column),), value=value)):
            return Filter(column, "!=", value)
        case In(attribute=(str(column),), value=values):
            return Filter(column, "in", tuple(values))
        case IsNull(attribute=(str(column),)):
            return Filter(column, "is null")
        case IsNotNull(attribute=(str(column),)):
            return Filter(column, "is not null")
    operator = _COMPARISONS.get(type(each))
    if operator is None or len(each.attribute) != 1 or isinstance(each.value, float):  # NaN is above all
        return None
    return Filter(each.attribute[0], operator, each.value)
