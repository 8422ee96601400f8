"""What SQL plugins share: a tokenizer that knows strings and comments, macros, parameters, series, a pool.

Names load on first use: what needs Arrow costs those who use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .catalog import KEPT_SECONDS as KEPT_SECONDS, KeptAnswers as KeptAnswers, Records as Records
    from .cuts import (
        Cutter as Cutter,
        even_cuts as even_cuts,
        quantile_cuts as quantile_cuts,
        range_conditions as range_conditions,
        why_whole as why_whole,
    )
    from .data_source import SqlDataSource as SqlDataSource
    from .execution import Execution as Execution, SqlConnection as SqlConnection, SqlResult as SqlResult
    from .expanded import EpochUnit as EpochUnit, ExpandedQuery as ExpandedQuery
    from .macros import MacroCall as MacroCall, MacroEngine as MacroEngine
    from .parameters import (
        IN_ORDER as IN_ORDER,
        NUMBERED as NUMBERED,
        Parameters as Parameters,
        Placeholders as Placeholders,
        bind as bind,
        named_placeholders as named_placeholders,
    )
    from .pool import (
        Pool as Pool,
        Poolable as Poolable,
        PoolLimits as PoolLimits,
        PoolState as PoolState,
    )
    from .query import (
        LONG_SERIES as LONG_SERIES,
        TABLE as TABLE,
        TIME_SERIES as TIME_SERIES,
        SqlQuery as SqlQuery,
    )
    from .scanner import (
        Dialect as Dialect,
        Span as Span,
        SpanKind as SpanKind,
        scan as scan,
        split_arguments as split_arguments,
        strip_comments as strip_comments,
    )
    from .series import metric_index as metric_index, time_series as time_series
    from .settings import SqlSettings as SqlSettings
    from .statements import (
        ReadStatements as ReadStatements,
        outer_words as outer_words,
        statement_tokens as statement_tokens,
        statement_words as statement_words,
        without_semicolon as without_semicolon,
    )
    from .time_columns import (
        EPOCH_TYPE as EPOCH_TYPE,
        EpochColumns as EpochColumns,
        epoch_to_timestamp as epoch_to_timestamp,
        time_index as time_index,
    )
    from .time_macros import (
        MacroScope as MacroScope,
        StandardMacros as StandardMacros,
        TimeMacros as TimeMacros,
        seconds_text as seconds_text,
    )
    from .whole_groups import whole_group_steps as whole_group_steps

_MODULES = {
    "catalog": ("KEPT_SECONDS", "KeptAnswers", "Records"),
    "cuts": ("Cutter", "even_cuts", "quantile_cuts", "range_conditions", "why_whole"),
    "data_source": ("SqlDataSource",),
    "execution": ("Execution", "SqlConnection", "SqlResult"),
    "expanded": ("EpochUnit", "ExpandedQuery"),
    "macros": ("MacroCall", "MacroEngine"),
    "parameters": ("IN_ORDER", "NUMBERED", "Parameters", "Placeholders", "bind", "named_placeholders"),
    "pool": ("Pool", "PoolLimits", "PoolState", "Poolable"),
    "query": ("LONG_SERIES", "TABLE", "TIME_SERIES", "SqlQuery"),
    "scanner": ("Dialect", "Span", "SpanKind", "scan", "split_arguments", "strip_comments"),
    "series": ("metric_index", "time_series"),
    "settings": ("SqlSettings",),
    "statements": (
        "ReadStatements",
        "outer_words",
        "statement_tokens",
        "statement_words",
        "without_semicolon",
    ),
    "time_columns": ("EPOCH_TYPE", "EpochColumns", "epoch_to_timestamp", "time_index"),
    "time_macros": (
        "MacroScope",
        "StandardMacros",
        "TimeMacros",
        "seconds_text",
    ),
    "whole_groups": ("whole_group_steps",),
}

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
