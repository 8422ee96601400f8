"""What users are told of the macros is what the macros do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.models import TimeRange
from headwater.sdk import QueryMacro
from headwater_mysql.dialect import DEFAULT
from headwater_mysql.macro_help import MACROS
from headwater_mysql.macros import expand, macros_of
from headwater_mysql.plugin import MySQLPlugin

START, END = 1_700_000_000, 1_700_003_600
RANGE = TimeRange.from_epoch_ms(START * 1000, END * 1000)
SQL = [macro for macro in MACROS if not macro.expansion.startswith("the")]
WORDS = [macro for macro in MACROS if macro not in SQL]


@pytest.mark.parametrize("macro", SQL, ids=lambda macro: macro.usage)
def test_a_macro_expands_as_its_help_says(macro: QueryMacro) -> None:
    told = macro.expansion.replace("{from}", str(START)).replace("{to}", str(END))
    assert expand(macro.usage, RANGE, timedelta(seconds=30)).sql == told


@pytest.mark.parametrize("macro", WORDS, ids=lambda macro: macro.usage)
def test_a_macro_that_is_told_in_words_exists(macro: QueryMacro) -> None:
    assert "$__" not in expand(macro.usage, RANGE, timedelta(seconds=30)).sql


def test_no_macro_is_without_help() -> None:
    told = {macro.usage.partition("(")[0].removeprefix("$") for macro in MACROS}
    assert macros_of(DEFAULT).names <= told
    assert MySQLPlugin().describe_plugin().macros == MACROS
