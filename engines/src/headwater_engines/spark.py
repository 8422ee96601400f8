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

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import frozen
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
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
from headwater.errors import ValidationError
from headwater.queries import QueryOptions, ReadTasks

from .hosts import batches, host_of
from .spark_types import cast_batch, spark_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

__all__ = ["HeadwaterReader", "HeadwaterSource", "TaskPartition", "register"]

_PARTS = 32
_OPTIONS = ("dataSource", "query", "host", "target", "columns", "from", "to", "params", "pushFilters")
_SECRET = re.compile(r"pass|pwd|secret|token|credential|api_?key|private|auth", re.IGNORECASE)
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
    """

    @classmethod
    def name(cls) -> str:
        """For `format(…)`."""
        return "headwater"

    def schema(self) -> StructType:
        """Found out by a plan of one part. Raises what the query raises."""
        return from_arrow_schema(spark_schema(plan(self.options, target=1).schema), prefer_timestamp_ntz=True)

    def reader(self, schema: StructType) -> DataSourceReader:
        """Of one batch read."""
        del schema
        return HeadwaterReader(self.options)


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
        self._options = dict(options)
        self._tasks: list[bytes] | None = None

    def pushFilters(self, filters: list[SparkFilter]) -> Iterable[SparkFilter]:  # noqa: N802 - Spark's name
        """Those that the tasks do not apply exactly go back to Spark; all, without the option."""
        if _checked(self._options).get("pushfilters", "false").lower() != "true":
            return filters
        known = {each: pushed for each in filters if (pushed := _filter_of(each)) is not None}
        tasks = plan(self._options, filters=list(known.values()))
        self._tasks = [task.to_bytes() for task in tasks]
        return [each for each in filters if each not in known or known[each] in tasks.unhandled_filters]

    def partitions(self) -> list[InputPartition]:
        """One for each task."""
        planned, self._tasks = self._tasks, None  # executors need theirs only
        if planned is None:
            planned = [task.to_bytes() for task in plan(self._options)]
        return [TaskPartition(task) for task in planned]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of one task, as they arrive. Read again if the executor is lost."""
        assert isinstance(partition, TaskPartition)
        return (cast_batch(batch) for batch in batches(partition.task, self._options["host"]))


def plan(
    options: Mapping[str, str], *, target: int | None = None, filters: list[Filter] | None = None
) -> ReadTasks:
    """The tasks that options of Spark ask for. Raises ValidationError for options that cannot be."""
    given = _checked(options)
    times: QueryOptions = {}
    if "from" in given or "to" in given:
        times = {"from_": given.get("from", "now-1h"), "to": given.get("to", "now")}
    if "params" in given:
        times["params"] = _json(given["params"], "params")
    parts = _number(given.get("target", str(_PARTS)), "target")
    query: Any = given["query"]
    if query.lstrip().startswith("{"):
        query = _json(query, "query")
    columns = [name.strip() for name in given["columns"].split(",")] if given.get("columns") else None
    return host_of(given["host"]).read_tasks(
        given["datasource"], query, target=target or parts, columns=columns, filters=filters or (), **times
    )


def _checked(options: Mapping[str, str]) -> dict[str, str]:
    """By lower-case name, as Spark gives some of them."""
    known = {name.lower(): name for name in _OPTIONS}
    given = {name.lower(): value for name, value in options.items()}
    for name in options:
        if name.lower() in known or name.lower() == "path":
            continue
        if _SECRET.search(name):
            raise ValidationError(
                "looks like a secret, and options show in plans, logs and the UI: secrets belong to the data "
                "source, which workers get by the option host",
                path=f"option {name}",
            )
        raise ValidationError(f"is none of {', '.join(known.values())}", path=f"option {name}")
    for required in ("dataSource", "query", "host"):
        if not given.get(required.lower()):
            raise ValidationError("is missing", path=f"option {required}")
    return given


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValidationError("is no JSON", path=f"option {option}") from None


def _number(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValidationError("is no whole number", path=f"option {option}") from None


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
