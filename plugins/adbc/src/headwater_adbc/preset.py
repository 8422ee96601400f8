"""What is special about a database: subclass `Preset` for one, and name it in its settings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

import pyarrow as pa

from headwater.errors import HeadwaterError, TextPosition
from headwater.frames import Notice
from headwater.sdk import DataSourceInstanceSettings
from headwater.sdk.sql import (
    IN_ORDER,
    Cutter,
    Dialect,
    Placeholders,
    ReadStatements,
    StandardMacros,
    TimeMacros,
)
from headwater_adbc.errors import from_driver, position_of
from headwater_adbc.settings import AdbcSettings

S = TypeVar("S", bound=AdbcSettings)


def preset_of(settings: AdbcSettings) -> type[Preset[Any]]:
    """The class that the settings name."""
    module, _, name = settings.preset.partition(":")
    found: type[Preset[Any]] = getattr(import_module(module), name)
    return found


def quoted(name: str) -> str:
    """A name as the SQL standard quotes it."""
    return '"' + name.replace('"', '""') + '"'


class Columns:
    """A result's columns as they are delivered. This one leaves all as the driver gives them."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What to say about the rows converted so far."""
        return ()

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`batch` in `schema`. Raises HeadwaterError for values that can't be given."""
        return batch


class Preset(Generic[S]):
    """One kind of database. `catalog`, `cutter`, `version_sql`: as of `SqlDataSource`."""

    title: ClassVar[str] = "the database"
    dialect: ClassVar[Dialect] = Dialect()
    placeholders: ClassVar[Placeholders] = IN_ORDER
    reads: ClassVar[ReadStatements] = ReadStatements()
    macros: TimeMacros = StandardMacros(Dialect())
    columns: ClassVar[type[Columns]] = Columns
    catalog: Mapping[str, str] = {}
    cutter: Cutter = Cutter(Dialect(), quoted, random="random()")
    version_sql: ClassVar[str] = "SELECT '' AS version"
    asks_columns_first: bool = False
    """Whether `readable` is told the columns before the statement runs, because it must not run twice."""
    waits_for_ever: ClassVar[bool] = False
    """Whether the driver goes on waiting for a server that is silent, also when it is cancelled."""

    def __init__(self, settings: S, instance: DataSourceInstanceSettings) -> None:
        self.settings = settings
        self.instance = instance

    def options(self, seconds: float) -> dict[str, str]:
        """The driver, and what it is told of the database. `seconds`: for connecting.

        Raises ValidationError, PluginUnavailableError.
        """
        raise NotImplementedError

    def setup(self) -> str:
        """Statements sent once, when the database is opened; none if empty."""
        return ""

    def begin(self, seconds: float | None) -> str:
        """Statements sent before a query, which may take `seconds`; none if empty."""
        return ""

    def end(self) -> tuple[str, ...]:
        """Statements, sent one after the other, that take back what the query has left in its session."""
        return ()

    def lasts(self, sql: str) -> bool:
        """Whether a statement may leave in its session what `end` does not take back."""
        del sql
        return False

    def check(self, sql: str) -> None:
        """Raise QueryError for a statement that must not run, as it is about to be sent."""

    def bound(self, value: Any) -> Any:
        """A value of a parameter as the driver is given it."""
        return value

    def statement_options(self, verb: str) -> dict[str, str]:
        """Options of the driver for a statement that begins with `verb`."""
        return {}

    def closing_options(self) -> dict[str, str]:
        """Options of the driver for a statement that is about to be closed."""
        return {}

    def readable(self, sql: str, schema: pa.Schema) -> str:
        """`sql`, or instead of it a statement that gives as text what the driver can't read."""
        del schema
        return sql

    def numbers(self, table: pa.Table) -> pa.Table:
        """`table` with those of its numbers that are no Arrow numbers as float64, to be drawn as series."""
        return table

    def explain(self, error: Exception, *, connecting: bool = False) -> HeadwaterError:
        """What an error of the driver means."""
        return from_driver(error, connecting=connecting)

    def listing(self, kind: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """As `SqlDataSource.listing`."""
        sql = self.catalog.get(kind)
        return None if sql is None else (sql, values)

    def locate(self, error: BaseException | None, sent: str) -> TextPosition | None:
        """Where in the statement the database found the fault of which the driver tells, if it does."""
        return position_of(error, sent)

    def close(self) -> None:
        """Remove what `options` made."""
