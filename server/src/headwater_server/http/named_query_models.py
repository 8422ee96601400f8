"""Bodies of `/api/queries`, for the description of the API: `headwater.queries.named` reads them."""

from __future__ import annotations

import builtins
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from .models import DataSourceReference, Name, Uid


class NamedQueryParameterBody(Struct, rename="camel", kw_only=True):
    """Without `default` the parameter has to be given. Who may not read the named query that choices come
    from is told `choicesFrom: true`."""

    name: str
    type: Literal["text", "integer", "number", "boolean", "time", "duration", "choice"] = "text"
    title: str = ""
    description: str = ""
    default: Any = None
    list: bool = False
    minimum: Any = None
    maximum: Any = None
    pattern: str = ""
    max_length: int = 1000
    max_items: int = 100
    choices: builtins.list[str | float | bool] = []
    choices_from: str | bool = ""


class NamedQueryLimitsBody(Struct, rename="camel", kw_only=True):
    """`timeout` and `maxRange` in seconds, or texts such as `30s`."""

    max_rows: int | None = None
    max_bytes: int | None = None
    timeout: float | str | None = None
    max_range: float | str | None = None


class NamedQueryRangeBody(Struct, rename={"from_": "from"}):
    from_: str = "now-1h"
    to: str = "now"


class _NamedQueryBody(Struct, rename="camel", kw_only=True):
    title: Name = ""
    description: str = ""
    parameters: list[NamedQueryParameterBody] = []
    time_range: NamedQueryRangeBody | UnsetType = UNSET
    limits: NamedQueryLimitsBody | UnsetType = UNSET
    cache: Any = None
    tags: list[str] = []


class NamedQueryBody(_NamedQueryBody, rename="camel", kw_only=True):
    """`query` is the data source's, with placeholders; `{"$param": "name"}` stands for a value. `cache` is
    `off`, a duration, or an object with `ttl` and `staleWhileRevalidate`."""

    id: Uid
    datasource: DataSourceReference | str
    query: dict[str, Any]


class NamedQueryDetailsBody(_NamedQueryBody, rename="camel", kw_only=True):
    """To those who may only run it, neither data source, query, limits, cache nor who changed it."""

    id: Uid
    datasource: DataSourceReference | UnsetType = UNSET
    query: dict[str, Any] | UnsetType = UNSET
    version: int | UnsetType = UNSET
    created: str | UnsetType = UNSET
    updated: str | UnsetType = UNSET
    updated_by: str | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET


class UpdateNamedQueryBody(_NamedQueryBody, rename="camel", kw_only=True):
    """As the one that is added. With a `version` it has to be the stored one, else the answer is 409."""

    id: Uid = ""
    datasource: DataSourceReference | str
    query: dict[str, Any]
    version: int | None = None


class RunNamedQueryBody(
    Struct,
    rename={"from_": "from", "interval_ms": "intervalMs", "max_data_points": "maxDataPoints"},
    kw_only=True,
):
    """`parameters` has the values by name. `from` and `to` are epoch milliseconds or relative times."""

    parameters: dict[str, Any] = {}
    from_: str | int | UnsetType = UNSET
    to: str | int | UnsetType = UNSET
    interval_ms: int | UnsetType = UNSET
    max_data_points: int | UnsetType = UNSET


class ChoicesBody(Struct):
    choices: list[str | float | bool]
