"""The keys of an expression's query; names and meanings are Grafana's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from headwater.sdk import Query, field

__all__ = ["ClassicCondition", "Evaluator", "ExpressionQuery", "ExpressionType"]

ExpressionType = Literal["math", "reduce", "resample", "classic_conditions", "threshold", "sql"]


@attrs.frozen
class Evaluator:
    """A condition on a number, such as `{"type": "gt", "params": [5]}`."""

    type: str = field(doc="gt, lt, eq, ne, gte, lte, within_range, outside_range, no_value, …")
    params: tuple[float, ...] = field(factory=tuple, doc="The number, or both ends of the range.")


@attrs.frozen
class Operator:
    """How a condition is joined to the ones before it."""

    type: Literal["and", "or"] = field(default="and")


@attrs.frozen
class InputRef:
    """The query that a condition is about: its ref id is the first of `params`."""

    params: tuple[str, ...] = field(factory=tuple)


@attrs.frozen
class ReducerRef:
    """What makes a series a number."""

    type: str = field(default="last")


@attrs.frozen
class ClassicCondition:
    """A condition of `classic_conditions` or `threshold`."""

    evaluator: Evaluator = field()
    operator: Operator = field(factory=Operator)
    query: InputRef = field(factory=InputRef, doc="Of classic conditions.")
    reducer: ReducerRef = field(factory=ReducerRef, doc="Of classic conditions.")
    unload_evaluator: Evaluator | None = field(
        default=None, doc="Of a threshold: when series of `loadedDimensions` stop firing."
    )
    loaded_dimensions: Mapping[str, Any] | None = field(
        default=None, doc="Of a threshold: a frame of the fingerprints of series that fire already."
    )


@attrs.frozen
class ReduceSettings:
    """What becomes of null, NaN and infinity."""

    mode: Literal["", "strict", "dropNN", "replaceNN"] = field(default="")
    replace_with_value: float = field(default=0.0)


@attrs.frozen(kw_only=True)
class ExpressionQuery(Query):
    """One expression. Which keys count depends on `type`."""

    type: ExpressionType = field(doc="What kind of expression this is.")
    expression: str = field(
        default="", doc="math: the formula. sql: the statement. Else the ref id of the input, `A` or `$A`."
    )
    params: Mapping[str, Any] = field(factory=dict, doc="sql: values of $name placeholders.")
    reducer: str = field(default="", doc="reduce: mean, min, max, sum, count, last, first, median or std.")
    settings: ReduceSettings = field(factory=ReduceSettings, doc="reduce: the mode.")
    window: str = field(default="", doc="resample: time between two points, such as `1m`.")
    downsampler: str = field(default="mean", doc="resample: the reducer of several points.")
    upsampler: str = field(default="fillna", doc="resample: pad, backfilling or fillna.")
    conditions: tuple[ClassicCondition, ...] = field(
        factory=tuple, doc="threshold: one condition. classic_conditions: any number."
    )

    @property
    def input(self) -> str:
        """The ref id that `expression` names, where it is no formula and no statement."""
        name = self.expression.strip().removeprefix("$")
        return name[1:-1] if name.startswith("{") and name.endswith("}") else name
