"""What users are told of the macros is what the macros do."""

from __future__ import annotations

import pytest

from headwater.models import DataQuery, TimeRange
from headwater.sdk import QueryMacro, parse
from headwater_clickhouse.macro_help import MACROS
from headwater_clickhouse.macros import _ENGINE, expand
from headwater_clickhouse.macros.statements import _STATEMENTS
from headwater_clickhouse.query_model import ClickHouseQuery

START, END = 1_700_000_000, 1_700_003_600
RANGE = TimeRange.from_epoch_ms(START * 1000, END * 1000)
SQL = [
    macro for macro in MACROS if any(mark in macro.expansion for mark in ("{from}", "{to}", "{step}", "300"))
]


@pytest.mark.parametrize("macro", SQL, ids=lambda macro: macro.usage)
def test_a_macro_expands_as_its_help_says(macro: QueryMacro) -> None:
    request = DataQuery(time_range=RANGE, interval_ms=30_000, json={"rawSql": macro.usage})
    query = parse(ClickHouseQuery, request.json, injected={"data_query": request})
    told = macro.expansion.replace("{from}", str(START)).replace("{to}", str(END)).replace("{step}", "30")
    assert expand(query) == told


def test_no_macro_is_without_help_and_none_is_made_up() -> None:
    told = {macro.usage.partition("(")[0].removeprefix("$") for macro in MACROS}
    assert told == set(_ENGINE._macros) | set(_STATEMENTS)
