"""Times that an engine cannot write in Arrow: newer ones (26.9) refuse those below zero or past a day, older
ones a Time64(3) of 597 hours, whose milliseconds have no room in 32 bits.

Such a query is sent once more, with its times as numbers, which the repair of types turns into durations.
"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.errors import HeadwaterError

from .dialect import quote_name
from .errors import ClickHouseError
from .types import DeclaredType, parse_type

_OUT_OF_RANGE, _OVERFLOW = 321, 407


def refuses_times(error: HeadwaterError) -> bool:
    if not isinstance(error, ClickHouseError):
        return False
    return (error.code == _OUT_OF_RANGE and "time-of-day" in str(error)) or (
        error.code == _OVERFLOW and "executing Arrow" in str(error)
    )


def times_as_numbers(sql: str, columns: Iterable[tuple[str, str]]) -> str | None:
    """A SELECT with its times as seconds: integers, or decimals whose scale is that of an Arrow unit.

    `columns` are names and declared types. None if no column is a time; nested ones stay as they are.
    """
    replaced = [
        f"{number} AS {quote_name(name)}"
        for name, text in columns
        if (number := _number(quote_name(name), parse_type(text))) is not None
    ]
    if not replaced:
        return None
    return f"SELECT * REPLACE ({', '.join(replaced)}) FROM (\n{sql}\n)"  # noqa: S608


def _number(column: str, declared: DeclaredType) -> str | None:
    match declared.bare.name:
        case "Time":
            return f"toInt64({column})"
        case "Time64":
            precision = next((int(literal) for literal in declared.bare.literals), 0)
            return f"toDecimal64({column}, {-(-precision // 3) * 3})"
        case _:
            return None
