"""Read tasks: the parts of a result are together that result, in any process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headwater.host import Headwater
from headwater.models import Consistency, Filter
from headwater.queries import ReadTask, expression_of

from .base import ConformanceBase
from .mending import mend

if TYPE_CHECKING:
    from headwater.queries import ReadTasks

_ROWS = 1_000
_TARGET = 4


class ReadTaskChecks(ConformanceBase):
    @mend("source.partitions", "put each row into one part, whichever others there are, null keys included")
    def test_read_tasks_hold_every_row_once(self, headwater: Headwater, source: str) -> None:
        query = self._divisible()
        tasks = headwater.read_tasks(source, query, target=_TARGET, time_range=self.time_range)
        if self.probes.divisible:
            assert len(tasks) > 1, "probes.divisible was not divided"
        whole = self.ask_one(headwater, source, query).table
        assert tasks.schema.equals(whole.schema.remove_metadata()), (
            f"The tasks have the columns {tasks.schema.names} of the types {tasks.schema.types}, "
            f"the result {whole.schema.names} of {whole.schema.types}"
        )
        _check_rows(_read(headwater, tasks), whole, "The tasks together")
        if tasks.consistency is Consistency.SNAPSHOT:
            _check_rows(_read(headwater, tasks), whole, "The tasks of a snapshot, read again,")

    @mend(
        "source.partitions",
        "name in handled_filters and columns_handled what the parts apply exactly, and leave the rest out",
    )
    def test_read_tasks_narrow_exactly(self, headwater: Headwater, source: str) -> None:
        query = self._divisible()
        tasks = headwater.read_tasks(source, query, target=_TARGET, time_range=self.time_range)
        whole = _read(headwater, tasks)
        column = whole.schema.names[-1]
        value = whole.column(column)[whole.num_rows // 2].as_py()
        for filters in ((), (Filter(column, "=", value),), (Filter(column, "is not null"),)):
            tasks = headwater.read_tasks(
                source, query, target=_TARGET, columns=[column], filters=filters, time_range=self.time_range
            )
            assert tasks.schema.names == [column], (
                f"Asked for {column!r}, the tasks have {tasks.schema.names}"
            )
            rows = _read(headwater, tasks)
            if (rest := expression_of(tasks.unhandled_filters, rows.schema)) is not None:
                rows = rows.filter(rest)
            wanted = expression_of(filters, whole.schema)
            expected = whole.select([column])
            asked = " and ".join(f"{each.column} {each.operator} {each.value!r}" for each in filters)
            _check_rows(
                rows,
                expected if wanted is None else expected.filter(wanted),
                f"The tasks of {asked or repr(column)}",
            )

    def _divisible(self) -> Mapping[str, Any]:
        return self.probes.divisible or self.probes.rows(_ROWS)


def _read(headwater: Headwater, tasks: ReadTasks) -> pa.Table:
    """The rows of all tasks, each as a worker gets it, last one first: their order is nobody's."""
    tables = [_read_one(headwater, ReadTask.from_bytes(task.to_bytes())) for task in reversed(tasks)]
    return pa.concat_tables(tables)


def _read_one(headwater: Headwater, task: ReadTask) -> pa.Table:
    with headwater.read_task(task) as stream:
        return pa.Table.from_batches(list(stream), stream.schema)


def _check_rows(found: pa.Table, expected: pa.Table, what: str) -> None:
    counts = f"{found.num_rows} rows instead of {expected.num_rows}"
    assert found.num_rows == expected.num_rows, f"{what} have {counts}"
    assert _sorted(found) == _sorted(expected), f"{what} have other values than the result"


def _sorted(table: pa.Table) -> Iterable[str]:
    columns = [column.to_pylist() for column in table.columns]
    return sorted(map(repr, zip(*columns, strict=True)))
