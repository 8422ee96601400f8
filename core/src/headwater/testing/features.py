"""What a plugin says it can do, and the queries that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DataSourceConfig", "Features", "ParameterProbe", "Probes", "Support", "TypeProbe"]


class Support(StrEnum):
    """How far a capability goes. Anything but FULL is a visible skip, never silence."""

    FULL = "full"
    NOT_IMPLEMENTED = "not implemented"
    """The source could, the plugin does not yet."""
    UNSUPPORTED = "unsupported"
    """The source itself has no such thing."""


@frozen
class Features:
    """The capabilities the kit checks. Everything is expected unless said otherwise."""

    health: Support = Support.FULL
    network: Support = Support.FULL
    """It connects to an address, which can be wrong."""
    streaming: Support = Support.FULL
    cancel: Support = Support.FULL
    parameters: Support = Support.FULL
    resources: Support = Support.FULL
    secrets: Support = Support.FULL
    row_limit: Support = Support.FULL


@frozen
class DataSourceConfig:
    """A live data source, as it would be added to a host. Secrets are plaintext here."""

    url: str = ""
    user: str = ""
    database: str = ""
    basic_auth: bool = False
    basic_auth_user: str = ""
    json_data: Mapping[str, Any] = field(factory=dict)
    secure_json_data: Mapping[str, str] = field(factory=dict, repr=False)


@frozen
class TypeProbe:
    """A query whose first column has this Arrow type and holds these values, null included."""

    name: str
    query: Mapping[str, Any]
    type: pa.DataType
    values: tuple[Any, ...]


@frozen
class ParameterProbe:
    """A query that returns its only parameter: `make(value)` gives query and params for one value.

    The value is in `column`, the first one if that is empty. `placed(placeholder, kind)` is such a
    query with a placeholder of the plugin's `parameter_placeholders`; without it they are not checked.
    """

    make: Callable[[str], tuple[Mapping[str, Any], Any]]
    hostile: tuple[str, ...] = (
        "' OR '1'='1",
        '"; DROP TABLE t; --',
        "\\' --",
        "$__interval",
        "%s {x} ?",
        "ß🦆",
        "$1 ${value} :value {{value}} {value:String} @value",
        "a\tb\nc\r\u2028 /* -- # */",
        "\\",
        "x" * 1000,
    )
    column: str = ""
    placed: Callable[[str, str], Mapping[str, Any]] | None = None


@frozen
class Probes:
    """The queries the kit runs. All are query objects of the plugin."""

    simple: Mapping[str, Any]
    """At least one row, always the same answer."""
    wrong: Mapping[str, Any]
    """A query that its author must mend, such as a syntax error."""
    rows: Callable[[int], Mapping[str, Any]]
    """As many rows as asked for."""
    empty: Mapping[str, Any] | None = None
    """No rows, but a schema."""
    slow: Mapping[str, Any] | None = None
    """Runs for at least half a minute if nobody stops it."""
    text: Callable[[str], Mapping[str, Any]] | None = None
    """One row whose first column holds the given text."""
    duplicate_columns: Mapping[str, Any] | None = None
    """Two columns of one name."""
    types: tuple[TypeProbe, ...] = ()
    parameter: ParameterProbe | None = None
    divisible: Mapping[str, Any] | None = None
    """A query that read tasks divide: some thousand rows at most, always the same."""
    over_time: Mapping[str, Any] | None = None
    """A query whose answer depends on the time range, such as one series."""
    resource: str = ""
    """The path of a resource that answers JSON to GET."""
