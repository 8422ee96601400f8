"""Divide a query into read tasks: by partitions of its table, ranges of its sorting key, or a hash of that.

The server's own plan says whether each row of the result is made of one row of one table; only then is a
statement divided. What it is divided by becomes another column of the statement, which the parts leave out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
from attrs import evolve, frozen

from headwater.errors import DownstreamProtocolError, DownstreamServerError, QueryError
from headwater.sdk import Consistency, Filter, Partition, Partitions
from headwater.sdk.sql import SpanKind, range_conditions, scan

from .dialect import DIALECT, quote_name, quote_text
from .engine import only_row
from .query_model import ClickHouseQuery, Format

Rows: TypeAlias = Callable[[str], list[dict[str, Any]]]
"""The answer to a statement that is run with the query's macros and parameters."""

_KEY = "__headwater_part"
_ROW_BY_ROW = frozenset({"Expression", "Filter", "ReadFromMergeTree"})
_INTEGER = re.compile(r"(?:LowCardinality\()?(?:Nullable\()?U?Int(?:8|16|32|64)\)*")
_TEXT = re.compile(r"(?:LowCardinality\()?(?:Nullable\()?String\)*")
_CHOSEN_ANEW = r"(?:rand|fuzz|generate|rowNumberIn|running)\w*|neighbor|blockNumber|blockSize|nowInBlock"
_CALLED = re.compile(rf"\b({_CHOSEN_ANEW})\s*\(", re.IGNORECASE)
_PLANNED = re.compile(rf'"Function": ?"({_CHOSEN_ANEW})"')  # never within a text of JSON, for its quotes
_MOST_EXACT = 20_000_000
_NAME_COLUMN = "name a column of the result in partitionColumn."


@frozen
class _Cut:
    """An expression over the table's columns, and the conditions on it that make the parts.

    `whole` says why there is one part, if more were asked for.
    """

    expression: str
    conditions: tuple[str, ...]
    rows: tuple[int | None, ...]
    are_ranges: bool = False
    whole: str = ""


def divide(
    query: ClickHouseQuery,
    target: int,
    columns: tuple[str, ...] | None,
    filters: tuple[Filter, ...],
    rows: Rows,
    schema_of: Callable[[str], pa.Schema],
) -> Partitions:
    """About `target` parts; one, with a notice that says why, where the plan is not one of single rows."""
    whole = evolve(query.data_query, json={**query.data_query.json, "partitions": 1})
    if query.result_format is not Format.TABLE:
        return Partitions.whole(whole, "A result in another format than a table is computed as a whole.")
    sql, start = query.raw_sql.rstrip().rstrip(";"), _after_select(query.raw_sql)
    if start is None:
        return Partitions.whole(whole, "Only a SELECT is divided into parts.")
    table, reason = _table_of(sql, rows)
    if reason:
        return Partitions.whole(whole, reason)
    types = {str(each["name"]): str(each["type"]) for each in rows(f"DESCRIBE ({sql}\n)")}
    conditions = {each: text for each in filters if (text := _condition(each, types)) is not None}
    wanted = None if columns is None else tuple(name for name in columns if name in types)
    cut = _cut_by_column(query.partition_column, types, sql, target, rows)
    cut = cut or _cut_by_table(table, target, rows)
    inner = sql[:start] + f" {cut.expression} AS {_KEY}," + sql[start:]
    if reason := _why_out_of_reach(inner, cut, rows):
        return Partitions.whole(whole, reason)
    statements = [
        _outer(inner, wanted, [*conditions.values(), *filter(None, [condition])])
        for condition in cut.conditions
    ]
    return Partitions(
        tuple(
            Partition(evolve(whole, json={**whole.json, "rawSql": statement, "partitionColumn": ""}), count)
            for statement, count in zip(statements, cut.rows, strict=True)
        ),
        Consistency.NONE if len(statements) > 1 else Consistency.STATEMENT,
        schema=schema_of(f"SELECT * FROM (\n{sql}\n) LIMIT 0"),  # noqa: S608
        columns_handled=True,
        handled_filters=tuple(conditions),
        notices=tuple(filter(None, [cut.whole])),
    )


def _after_select(sql: str) -> int | None:
    """Where the columns begin in a statement whose first word is SELECT, without DISTINCT and the like."""
    for span in scan(sql, DIALECT):
        text = sql[span.start : span.end]
        if span.kind is SpanKind.COMMENT or not text.strip():
            continue
        found = re.match(r"\s*SELECT\b(?!\s+(?:DISTINCT|TOP|ALL)\b)", text, re.IGNORECASE)
        return span.start + found.end() if span.kind is SpanKind.CODE and found else None
    return None


def _table_of(sql: str, rows: Rows) -> tuple[str, str]:
    """The only table that the server's plan reads, row by row, as `database.table`; or why there is none."""
    code = [span for span in scan(sql, DIALECT) if span.kind is SpanKind.CODE]
    if any(re.search(r"\b(?:FINAL|SAMPLE)\b", sql[span.start : span.end], re.IGNORECASE) for span in code):
        return "", "FINAL and SAMPLE make rows of the whole table: each part would read all of it."
    called = next(filter(None, (_CALLED.search(sql[span.start : span.end]) for span in code)), None)
    try:
        plan = _plan_of(sql, rows)
        steps = list(_steps(_parsed(plan)))
    except (DownstreamServerError, QueryError) as error:  # wrong, or older than plans as JSON: 21.1
        return "", f"The server does not explain the statement, which is read as one part: {error}"
    if other := [kind for kind, _ in steps if kind not in _ROW_BY_ROW]:
        return (
            "",
            f"The server's plan has the step {other[0]!r}, which needs all rows: it is read as one part.",
        )
    if anew := called or _PLANNED.search(plan):  # in the statement, or in a view that it reads
        return "", f"{anew[1]} may choose other rows in each part; without it the statement can be divided."
    tables = [table for kind, table in steps if kind == "ReadFromMergeTree"]
    if len(tables) != 1:
        return "", f"The statement reads not one table, but {len(tables)}: it is read as one part."
    return tables[0], ""


def _plan_of(sql: str, rows: Rows) -> str:
    (text,) = only_row(rows(f"EXPLAIN json = 1, description = 1, actions = 1 {sql}"), "explain")
    return str(text)


def _parsed(text: str) -> Any:
    """Raises DownstreamProtocolError if the server's answer is no plan."""
    try:
        return json.loads(text)[0]["Plan"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DownstreamProtocolError("The server does not explain its plan as JSON.") from error


def _steps(node: Any) -> Iterator[tuple[str, str]]:
    """The kind of each step and what it reads, the last first."""
    if not isinstance(node, dict):
        raise DownstreamProtocolError("The server's plan is not one of steps.")
    yield str(node.get("Node Type", "")), str(node.get("Description", ""))
    for each in node.get("Plans") or ():
        yield from _steps(each)


def _cut_by_column(column: str, types: dict[str, str], sql: str, target: int, rows: Rows) -> _Cut | None:
    """By `partitionColumn`, a column of the result; None if the query names none."""
    if not column:
        return None
    if column not in types:
        raise QueryError(f"The result has no column {column!r} (partitionColumn); it has {', '.join(types)}.")
    name = quote_name(column)
    if _INTEGER.fullmatch(types[column]):
        return _ranges(name, f"(\n{sql}\n)", target, None, rows)
    return _hashes(f"toString({name})", target, None)


def _cut_by_table(table: str, target: int, rows: Rows) -> _Cut:
    """By partitions if there are enough of about one size, else by the sorting key."""
    found = rows(
        "SELECT database, name, sorting_key AS key FROM system.tables "  # noqa: S608
        f"WHERE concat(database, '.', name) = {quote_text(table)}"
    )
    if len(found) != 1:  # names with points in them may be of two tables
        return _Cut("1", ("",), (None,), whole=f"The table {table!r} is read as one part: {_NAME_COLUMN}")
    database, name, key = (str(found[0][each]) for each in ("database", "name", "key"))
    of_table = f"database = {quote_text(database)} AND table = {quote_text(name)}"
    parts = rows(
        "SELECT partition_id AS id, toString(sum(rows)) AS total FROM system.parts "  # noqa: S608
        f"WHERE active AND {of_table} GROUP BY id ORDER BY sum(rows) DESC"
    )
    sizes = {str(each["id"]): int(each["total"]) for each in parts}
    total = sum(sizes.values())
    if target == 1:
        return _Cut("1", ("",), (total,))
    if len(sizes) >= target and max(sizes.values()) <= 2 * total / target and not _is_final(rows):
        return _partition_ids(sizes, target)
    if not key:
        return _Cut(
            "1",
            ("",),
            (total,),
            whole=f"The table has no sorting key, and is read as one part: {_NAME_COLUMN}",
        )
    first = key.split(",", 1)[0].strip()
    described = rows(f"SELECT type FROM system.columns WHERE {of_table} AND name = {quote_text(first)}")  # noqa: S608
    if described and _INTEGER.fullmatch(str(described[0]["type"])):
        return _ranges(quote_name(first), f"{quote_name(database)}.{quote_name(name)}", target, total, rows)
    return _hashes(key, target, total)


def _is_final(rows: Rows) -> bool:
    """Whether a setting, the account's or the data source's, makes every read FINAL. It takes rows of one
    sorting key together, also those of several partitions: one partition alone has others than the whole."""
    found = rows("SELECT value FROM system.settings WHERE name = 'final'")
    return any(str(each["value"]) in ("1", "true") for each in found)


def _why_out_of_reach(inner: str, cut: _Cut, rows: Rows) -> str:
    """Why the statement cannot be read by what it is cut by: its subqueries may not have the table's key, and
    a name that it gives to a column may hide it. Empty if it can be."""
    why = "a column of the statement hides it"
    try:
        types = {str(each["name"]): str(each["type"]) for each in rows(f"DESCRIBE ({inner}\n)")}
        if not cut.are_ranges or _INTEGER.fullmatch(types.get(_KEY, "")):
            return ""
    except (DownstreamServerError, QueryError) as error:
        why = str(error)
    return (
        f"The key of the table is out of reach, and the statement is read as one part: {_NAME_COLUMN} ({why})"
    )


def _partition_ids(sizes: dict[str, int], target: int) -> _Cut:
    """The largest first, each into the part that has the fewest rows yet."""
    parts: list[list[str]] = [[] for _ in range(target)]
    rows = [0] * target
    for name, size in sizes.items():
        smallest = rows.index(min(rows))
        parts[smallest].append(name)
        rows[smallest] += size
    # A partition that comes meanwhile belongs to the first part.
    others = ", ".join(quote_text(name) for part in parts[1:] for name in part)
    listed = (", ".join(map(quote_text, part)) for part in parts[1:])
    conditions = (f"{_KEY} NOT IN ({others})", *(f"{_KEY} IN ({names})" for names in listed))
    return _Cut("_partition_id", conditions, tuple(rows))


def _ranges(name: str, source: str, target: int, total: int | None, rows: Rows) -> _Cut:
    """Ranges with equally many rows: exactly of few, for which the server keeps every key in memory; as far
    as its sample of the key tells of more, or of so many that nobody knows."""
    quantiles = "quantilesExactLow" if total is not None and total <= _MOST_EXACT else "quantiles"
    levels = ", ".join(f"{part / target:.6f}" for part in range(1, target)) or "0.5"
    cutting = f"arrayMap(x -> toString(x), {quantiles}({levels})({name})) AS cuts"
    found = rows(f"SELECT {cutting} FROM {source}")  # noqa: S608
    texts = found[0]["cuts"] if found and target > 1 else []
    cuts = [int(Decimal(each)) for each in texts if each != "nan"]  # a sample of nothing is nan
    conditions = range_conditions(_KEY, sorted(set(cuts)))
    each = None if total is None else total // len(conditions)
    return _Cut(name, tuple(conditions), (each,) * len(conditions), are_ranges=True)


def _hashes(names: str, target: int, total: int | None) -> _Cut:
    """Every part reads all of the key, and all of nothing else."""
    each = None if total is None else total // target
    # The hash of a null is null.
    conditions = (f"ifNull({_KEY}, 0) = {part}" for part in range(target))
    return _Cut(f"cityHash64({names}) % {target}", tuple(conditions), (each,) * target)


def _outer(inner: str, columns: Sequence[str] | None, conditions: Iterable[str]) -> str:
    """The line breaks keep a comment at the statement's end from swallowing the bracket."""
    names = f"* EXCEPT ({_KEY})" if columns is None else ", ".join(map(quote_name, columns)) or "1"
    where = " AND ".join(f"({each})" for each in conditions)
    return f"SELECT {names} FROM (\n{inner}\n)" + (f" WHERE {where}" if where else "")  # noqa: S608


def _condition(each: Filter, types: dict[str, str]) -> str | None:
    """`each` in SQL, if the server compares such columns exactly as Arrow does: whole numbers, and texts, of
    which it compares the bytes."""
    declared, name = types.get(each.column, ""), quote_name(each.column)
    if _INTEGER.fullmatch(declared):
        literals = _literals(each, int, str)
    elif _TEXT.fullmatch(declared):
        literals = _literals(each, str, quote_text)
    else:
        return None
    if each.operator in ("is null", "is not null"):
        return f"{name} {each.operator.upper()}"
    if not literals:
        return None
    if each.operator == "in":
        return f"{name} IN ({', '.join(literals)})"
    return f"{name} {each.operator} {literals[0]}"


def _literals(each: Filter, kind: type, write: Callable[[Any], str]) -> list[str]:
    """Empty if one of the values is of another type."""
    values = each.value if each.operator == "in" else (each.value,)
    return [write(value) for value in values] if all(type(value) is kind for value in values) else []
