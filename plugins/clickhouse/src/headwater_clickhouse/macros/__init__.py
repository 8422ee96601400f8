"""The macros of Grafana's ClickHouse plugin, expanded outside of strings and comments."""

from __future__ import annotations

from headwater.sdk.sql import MacroEngine
from headwater_clickhouse.dialect import DIALECT
from headwater_clickhouse.query_model import ClickHouseQuery

from .ad_hoc import FILTER_MACROS
from .expressions import EXPRESSION_MACROS
from .scope import Scope
from .statements import expand_statement

__all__ = ["EXPRESSION_MACROS", "expand"]

_ENGINE: MacroEngine[Scope] = MacroEngine({**EXPRESSION_MACROS, **FILTER_MACROS}, DIALECT, keep_unknown=True)


def expand(query: ClickHouseQuery) -> str:
    """The query's SQL without macros. Unknown ones stay. Raises MacroError."""
    scope = Scope.of(query)
    if "$__" not in query.raw_sql:
        return query.raw_sql
    return _ENGINE.expand(expand_statement(query.raw_sql, scope), scope)
