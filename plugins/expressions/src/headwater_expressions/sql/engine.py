"""DuckDB for one call: no files, no network, no extensions, no settings; memory within bounds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
from attrs import frozen

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, LimitExceededError
from headwater.frames import FrameStream
from headwater_expressions.errors import sql_failed

from .statement import Statement

__all__ = ["Engine", "EngineLimits"]

_BATCH_ROWS = 65_536
_MOST_THREADS = 4
_TOO_DEEP = "The statement is nested too deeply; write it in parts, with WITH."
_HINTS = re.compile(
    r"\n\s*LINE \d+:.*|\n\s*Candidate functions:.*|\.? Detail: Python exception:.*|^[A-Z][A-Za-z ]* Error: ",
    re.DOTALL,
)


@frozen
class EngineLimits:
    """Bytes that its statements may take in memory and, in `spill_directory` if there is one, on disk."""

    memory_bytes: int = 512 * 1024 * 1024
    spill_bytes: int = 8 * 1024 * 1024 * 1024
    spill_directory: Path | None = None


class Engine:
    """A database of its own for the statements of one call. Close it, or leave its `with` block."""

    def __init__(self, limits: EngineLimits | None = None) -> None:
        limits = limits or EngineLimits()
        spill = "" if limits.spill_directory is None else str(limits.spill_directory)
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{limits.memory_bytes}B",
                "temp_directory": spill,
                "max_temp_directory_size": f"{limits.spill_bytes if spill else 0}B",
                "threads": min(_MOST_THREADS, os.cpu_count() or 1),
                "preserve_insertion_order": True,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
            },
        )
        self._connection.execute(
            "SET TimeZone = 'UTC'; SET enable_external_access = false; SET lock_configuration = true"
        )

    def parse(self, text: str) -> Statement:
        """Raises QueryRequestError."""
        with translated():
            return Statement.parse(text, self._serialize)

    def run(
        self,
        statement: Statement,
        tables: Mapping[int, Any],
        context: CallContext,
        *,
        ref_id: str = "",
        parameters: Any = None,
    ) -> FrameStream:
        """The rows of `statement`, whose table at place `index` is `tables[index]`, from Arrow.

        The stream interrupts DuckDB when `context` ends. It does not own this engine.
        """
        with ExitStack() as stack:
            stack.enter_context(context.on_cancel(self.interrupt))
            with translated():
                sql = self._prepared(statement, tables)
                context.check()  # DuckDB forgets an interrupt that comes before it runs
                reader = self._connection.sql(sql, params=parameters or None).to_arrow_reader(_BATCH_ROWS)
            cleanup = stack.pop_all()
        return FrameStream(
            reader.schema, _batches(reader), ref_id=ref_id, on_close=cleanup.close, on_cancel=self.interrupt
        )

    def explain(
        self, statement: Statement, tables: Mapping[int, Any], context: CallContext, *, parameters: Any = None
    ) -> str:
        """DuckDB's plan, as text."""
        analyze = "ANALYZE " if statement.explain == "analyze" else ""
        with context.on_cancel(self.interrupt), translated():
            sql = self._prepared(statement, tables)
            context.check()
            rows = self._connection.execute(f"EXPLAIN {analyze}{sql}", parameters or None).fetchall()
        return "\n".join(str(row[-1]) for row in rows)

    def interrupt(self) -> None:
        """End what runs now, from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepared(self, statement: Statement, tables: Mapping[int, Any]) -> str:
        """The statement over `tables`, which the database knows by names of our own."""
        names = {index: f"input_{index}" for index in tables}
        for index, table in tables.items():
            self._connection.register(names[index], table)
        return self._deserialize(statement.rename(names))

    def _serialize(self, text: str) -> str:
        return self._scalar("SELECT json_serialize_sql(?::VARCHAR)", text)

    def _deserialize(self, tree: str) -> str:
        return self._scalar("SELECT json_deserialize_sql(?::JSON)", tree)

    def _scalar(self, sql: str, argument: str) -> str:
        ((value,),) = self._connection.execute(sql, [argument]).fetchall()
        return str(value)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        while True:
            with translated():
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            if batch.num_rows:
                yield batch
    finally:
        reader.close()


@contextmanager
def translated() -> Iterator[None]:
    """DuckDB's errors as ours, in its words: they speak of the caller's SQL and data only."""
    try:
        yield
    except HeadwaterError:
        raise
    except duckdb.OutOfMemoryException as error:
        raise LimitExceededError(
            "The statement needs more memory than it may take; select fewer rows or columns."
        ) from error
    except RecursionError:
        raise sql_failed(_TOO_DEEP) from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        text = str(error)
        if "Out of Memory" in text:
            raise LimitExceededError(
                "The statement needs more memory than it may take; select fewer rows or columns."
            ) from error
        if "nesting depth" in text:
            raise sql_failed(_TOO_DEEP) from error
        raise sql_failed(f"SQL failed: {_HINTS.sub('', text).strip()}") from error
