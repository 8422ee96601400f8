"""Statements that may return several results, such as calls of procedures: one table for each result set."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing
from typing import Final

import attrs
import pyarrow as pa

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, strip_comments
from headwater_mysql.bounds import RESULT_SETS
from headwater_mysql.execution import Execution
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.results import ResultColumns

_FIRST_WORDS: Final = frozenset({"CALL", "EXECUTE", "BEGIN"})
_MAY_BE_ONE: Final = re.compile("call|execute|begin", re.IGNORECASE)


@attrs.frozen
class ResultSet:
    """One result set, read whole. `zero_dates`: dates of it that became null."""

    columns: tuple[Column, ...]
    schema: pa.Schema
    batches: tuple[pa.RecordBatch, ...]
    zero_dates: int


def may_return_several(sql: str, dialect: Dialect) -> bool:
    """Whether the statement calls a procedure, runs a prepared statement or is a block (of MariaDB)."""
    if not _MAY_BE_ONE.search(sql):
        return False
    words = strip_comments(sql, dialect).split(None, 1)
    return bool(words) and words[0].upper() in _FIRST_WORDS


def read_result_sets(
    execution: Execution, max_rows: int | None, max_bytes: int | None
) -> Generator[ResultSet, None, None]:
    """The result sets of a started statement. Ends after the one in which both together exceed a limit.

    Raises QueryError for more than `RESULT_SETS`.
    """
    header: ResultColumns | None = None
    batches: list[pa.RecordBatch] = []
    rows = size = count = 0
    with closing(execution.steps()) as steps:
        for step in steps:
            if isinstance(step, ResultColumns):
                if header is not None:
                    yield _result_set(header, batches, execution)
                header, batches = step, []
                count += 1
                if count > RESULT_SETS:
                    raise QueryError(f"the statement returns more than {RESULT_SETS} result sets")
                continue
            batches.append(step)
            rows, size = rows + step.num_rows, size + step.nbytes
            if (max_rows is not None and rows > max_rows) or (max_bytes is not None and size > max_bytes):
                break
        if header is not None:
            yield _result_set(header, batches, execution)


def _result_set(header: ResultColumns, batches: list[pa.RecordBatch], execution: Execution) -> ResultSet:
    return ResultSet(header.columns, header.plan.schema, tuple(batches), execution.zero_dates)
