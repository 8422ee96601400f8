"""Divide a SELECT into parts that are read side by side: ranges of an integer column of its result.

The statement becomes a derived table, and a part is a range of it, so that the parts hold each row once
whatever the statement is. Databases merge a plain SELECT with what is around it and use the column's index.
Statements that would be computed anew for each part, or whose rows each run chooses anew, stay one part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from headwater.errors import DownstreamServerError, QueryError
from headwater.models import Consistency, Filter, Partition, Partitions

from .query import TABLE, SqlQuery
from .scanner import Dialect
from .statements import statement_tokens, without_semicolon

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Cutter", "even_cuts", "quantile_cuts", "range_conditions", "why_whole"]

Ask: TypeAlias = "Callable[[str], pa.Table]"
"""Runs a statement with the macros and parameters of the query that is divided."""

_SAMPLES_A_PART: Final = 200
_UNEVEN: Final = 2.0
"""A part may have so many times its share of the rows before a sample of the keys is worth its scan."""
_TEXT_BYTES: Final = 24

_CHOSEN_ANEW: Final = frozenset(
    {"LIMIT", "OFFSET", "FETCH", "TOP", "SAMPLE", "TABLESAMPLE", "RAND", "RANDOM", "UUID", "NEWID"}
)
_COMPUTED_FROM_ALL: Final = frozenset(
    {
        "DISTINCT", "GROUP", "HAVING", "UNION", "INTERSECT", "EXCEPT", "MINUS", "OVER", "WINDOW", "QUALIFY",
        "ORDER", "FOR", "INTO", "LOCK", "FINAL",
    }
)  # fmt: skip
_AGGREGATES: Final = frozenset(
    {
        "COUNT", "SUM", "MIN", "MAX", "AVG", "ANY_VALUE", "ARRAY_AGG", "BIT_AND", "BIT_OR", "BIT_XOR",
        "BOOL_AND", "BOOL_OR", "GROUP_CONCAT", "JSON_AGG", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "MEDIAN", "STD",
        "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "STRING_AGG", "VARIANCE", "VAR_POP", "VAR_SAMP",
    }
)  # fmt: skip


@attrs.frozen
class Cutter:
    """How a kind of database divides a SELECT.

    * `quote_name`, `text_literal`, `time_literal`: how it writes a name, a text, and a date or time, in UTC
      where that has a zone. Conditions on texts and times are given to it only if it has the last two.
    * `exact_texts`, `exact_times`: it compares them as Arrow does: texts by their bytes, with no collation.
      Where it does not, equal texts are equal to it too, and the reader checks again.
    * `random`: a number below 1, another for each row.
    * `typed_by_rows`: its columns have the types of the rows that they return, as SQLite's have. Parts would
      have other types than the whole: none is divided.
    """

    dialect: Dialect
    quote_name: Callable[[str], str]
    text_literal: Callable[[str], str] | None = None
    time_literal: Callable[[date], str] | None = None
    exact_texts: bool = False
    exact_times: bool = False
    random: str = "RAND()"
    typed_by_rows: bool = False

    def divide(
        self,
        query: SqlQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        ask: Ask,
        *,
        key: Callable[[], str] = lambda: "",
        estimate: Callable[[Sequence[str]], Sequence[int | None]] | None = None,
        may_push: Callable[[Filter], bool] | None = None,
    ) -> Partitions:
        """About `target` parts of `query`, one where it cannot be divided: the notices say why.

        `key` finds an integer column of the result to divide by, if the query names none in
        `partitionColumn`. `estimate` tells without reading them how many rows statements return; where it
        finds the ranges uneven, they are taken from a sample of the keys. `may_push` tells of a condition on
        a column of the result whether the database compares the column's values as what they become in Arrow.
        Raises QueryError for a partition column that is not there, or not of whole numbers.
        """
        whole = attrs.evolve(query.data_query, json={**query.data_query.json, "partitions": 1})
        if query.format != TABLE:
            return Partitions.whole(whole, "A result in another format than a table is computed as a whole.")
        if reason := why_whole(query.raw_sql, self.dialect):
            return Partitions.whole(whole, reason)
        if self.typed_by_rows:
            return Partitions.whole(whole, _TYPED_BY_ROWS)
        sql = without_semicolon(query.raw_sql, self.dialect)
        try:
            schema = ask(self._select(sql, None, ["1 = 0"])).schema
        except (QueryError, DownstreamServerError) as error:
            return Partitions.whole(whole, f"The statement does not run as a derived table: {error}")
        wanted = None if columns is None else tuple(name for name in columns if name in schema.names)
        pushed = {
            each: text
            for each in filters
            if (text := self._condition(each, schema)) is not None and (may_push is None or may_push(each))
        }
        conditions = list(pushed.values())
        cut_by = query.partition_column or (key() if target > 1 else "")
        _check_key(query.partition_column, schema)
        ranges = self._ranges(sql, conditions, cut_by, target, ask, estimate) if cut_by else [""]
        statements = [self._select(sql, wanted, [*conditions, *filter(None, [each])]) for each in ranges]
        rows = [None] * len(statements) if estimate is None else estimate(statements)
        return Partitions(
            parts=tuple(
                Partition(
                    attrs.evolve(whole, json={**whole.json, "rawSql": statement}),
                    count,
                    _bytes(schema, count),
                )
                for statement, count in zip(statements, rows, strict=True)
            ),
            consistency=Consistency.NONE if len(statements) > 1 else Consistency.STATEMENT,
            schema=schema,
            columns_handled=True,
            handled_filters=tuple(each for each in pushed if self._is_exact(each, schema)),
            notices=() if cut_by or target == 1 else (_NO_KEY,),
        )

    def _select(self, sql: str, columns: Sequence[str] | None, conditions: Iterable[str]) -> str:
        names = "*" if columns is None else ", ".join(map(self.quote_name, columns)) or "1"
        return f"SELECT {names} {_from(sql, conditions)}"

    def _ranges(
        self,
        sql: str,
        conditions: list[str],
        column: str,
        target: int,
        ask: Ask,
        estimate: Callable[[Sequence[str]], Sequence[int | None]] | None,
    ) -> list[str]:
        name = f"p.{self.quote_name(column)}"
        bounds = ask(f"SELECT MIN({name}) AS low, MAX({name}) AS high {_from(sql, conditions)}")
        low, high = (bounds[end][0].as_py() for end in ("low", "high"))
        if low is None:
            return [""]
        ranges = range_conditions(name, even_cuts(int(low), int(high), target))
        if estimate is None or len(ranges) == 1:
            return ranges
        rows = [
            each or 0 for each in estimate([self._select(sql, None, [*conditions, each]) for each in ranges])
        ]
        if max(rows) <= _UNEVEN * sum(rows) / len(rows):
            return ranges
        share = min(1.0, _SAMPLES_A_PART * target / max(1, sum(rows)))
        sampled = self._select(sql, [column], [*conditions, f"{self.random} < {share:.9f}"])
        keys = ask(sampled)[column].drop_null().to_pylist()
        return range_conditions(name, quantile_cuts(keys, target))

    def _condition(self, each: Filter, schema: pa.Schema) -> str | None:
        """`each` as SQL that lets through every row that it does; None if that cannot be said."""
        import pyarrow as pa

        if len(schema.get_all_field_indices(each.column)) != 1:
            return None
        kind, name = schema.field(each.column).type, f"p.{self.quote_name(each.column)}"
        if each.operator in ("is null", "is not null"):
            return f"{name} {each.operator.upper()}" if pa.types.is_integer(kind) else None
        values = each.value if each.operator == "in" else (each.value,)
        if not _is_ordered_alike(kind) and not (self.exact_texts or each.operator in ("=", "in")):
            return None
        literals = [self._literal(value, kind) for value in values]
        if not literals or None in literals:
            return None
        if each.operator == "in":
            return f"{name} IN ({', '.join(map(str, literals))})"
        return f"{name} {'<>' if each.operator == '!=' else each.operator} {literals[0]}"

    def _literal(self, value: Any, kind: pa.DataType) -> str | None:
        import pyarrow as pa

        if pa.types.is_integer(kind):
            return str(value) if type(value) is int else None
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return self.text_literal(value) if self.text_literal and isinstance(value, str) else None
        if self.time_literal is None:
            return None
        if pa.types.is_date32(kind):
            return self.time_literal(value) if type(value) is date else None
        # Of another unit it is a number that the plugin has made a time of.
        is_time = pa.types.is_timestamp(kind) and kind.unit == "us" and isinstance(value, datetime)
        return self.time_literal(value) if is_time and (value.tzinfo is None) == (kind.tz is None) else None

    def _is_exact(self, each: Filter, schema: pa.Schema) -> bool:
        import pyarrow as pa

        kind = schema.field(each.column).type
        if pa.types.is_integer(kind):
            return True
        return self.exact_times if pa.types.is_temporal(kind) else self.exact_texts


def _from(sql: str, conditions: Iterable[str]) -> str:
    """The line breaks keep a comment at the statement's end from swallowing the bracket."""
    where = " AND ".join(f"({each})" for each in conditions)
    return f"FROM (\n{sql}\n) AS p" + (f" WHERE {where}" if where else "")


_TYPED_BY_ROWS: Final = (
    "The database gives columns the types of the rows that they return, which may be others in each part: "
    "the statement is read as one part."
)
_NO_KEY: Final = (
    "The statement is read as one part, because no whole-number key of a table is among its columns: name "
    "such a column in partitionColumn."
)


def why_whole(sql: str, dialect: Dialect) -> str:
    """Why `sql` must not be divided; empty if it may be."""
    tokens = list(statement_tokens(sql, dialect))
    if not tokens or tokens[0] != "SELECT":
        return "Only a SELECT is divided into parts."
    if chosen := _CHOSEN_ANEW.intersection(tokens):
        return f"{min(chosen)} may choose other rows in each part; without it the statement can be divided."
    depth = 0
    for word, following in pairwise([*tokens, ""]):
        depth += (word == "(") - (word == ")")
        if depth == 0 and (word in _COMPUTED_FROM_ALL or (word in _AGGREGATES and following == "(")):
            return f"{word} is computed from the whole result: each part would compute it again."
    return ""


def even_cuts(low: int, high: int, count: int) -> list[int]:
    """Where at most `count` ranges of equal width between `low` and `high` meet."""
    count = max(1, min(count, high - low + 1))
    return [low + (high - low + 1) * part // count for part in range(1, count)]


def quantile_cuts(keys: Sequence[int], count: int) -> list[int]:
    """Where at most `count` ranges with equally many of `keys` meet."""
    ordered = sorted(keys)
    cuts = {ordered[len(ordered) * part // count] for part in range(1, count)} if ordered else set()
    return sorted(cuts - {ordered[0]} if ordered else cuts)


def range_conditions(name: str, cuts: Sequence[int]) -> list[str]:
    """Conditions on the column `name`, as SQL writes it, of which one holds for each row; one more than there
    are `cuts`, and an empty one without any.

    Nulls belong to the first. The outer ranges are open: rows that come to lie outside are not lost.
    """
    if not cuts:
        return [""]
    inner = [f"{name} >= {low} AND {name} < {high}" for low, high in pairwise(cuts)]
    return [f"{name} < {cuts[0]} OR {name} IS NULL", *inner, f"{name} >= {cuts[-1]}"]


def _is_ordered_alike(kind: pa.DataType) -> bool:
    """Whether less and greater mean to every database what they mean to Arrow: numbers and times."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_temporal(kind))


def _check_key(column: str, schema: pa.Schema) -> None:
    import pyarrow as pa

    if not column:
        return
    found = len(schema.get_all_field_indices(column))
    if found == 0:
        raise QueryError(
            f"The result has no column {column!r} (partitionColumn); it has {', '.join(schema.names)}."
        )
    if found > 1:
        raise QueryError(
            f"The result has several columns {column!r} (partitionColumn): give them names of their own."
        )
    if not pa.types.is_integer(schema.field(column).type):
        raise QueryError(
            f"The partition column {column!r} is not an integer, but {schema.field(column).type}."
        )


def _bytes(schema: pa.Schema, rows: int | None) -> int | None:
    """About what so many rows take as Arrow."""
    if rows is None:
        return None
    return rows * sum(_width(each.type) for each in schema)


def _width(kind: pa.DataType) -> int:
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # of no fixed width
        return _TEXT_BYTES
