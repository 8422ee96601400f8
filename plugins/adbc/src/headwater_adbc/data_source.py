"""One live database, whatever its preset."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Final

import adbc_driver_manager as adbc
import pyarrow as pa

from headwater.errors import HeadwaterError, TextPosition
from headwater.sdk import CallContext, DataSourceInstanceSettings, ResourceRequest, resource
from headwater.sdk.sql import Records, SqlDataSource
from headwater_adbc.connection import Connection, run
from headwater_adbc.driver import open_database
from headwater_adbc.hang_up import Waits
from headwater_adbc.preset import Preset, preset_of
from headwater_adbc.settings import AdbcSettings

_SAID_BY_PRESETS: Final = (
    "title", "dialect", "placeholders", "reads", "macros", "catalog", "cutter", "version_sql",
)  # fmt: skip

_AGAIN_SECONDS: Final = 0.1


class AdbcDataSource(SqlDataSource[AdbcSettings]):
    """Opens the database at the first use. Thread-safe."""

    def __init__(
        self, settings: AdbcSettings, instance: DataSourceInstanceSettings, logger: Any = None
    ) -> None:
        super().__init__(settings, instance, logger)
        self.preset: Preset[Any] = preset_of(settings)(settings, instance)
        for attribute in _SAID_BY_PRESETS:
            setattr(self, attribute, getattr(self.preset, attribute))
        self._lock = threading.Lock()  # guards _database
        self._database: adbc.AdbcDatabase | None = None

    def connect(self, seconds: float, context: CallContext) -> Connection:
        waits = Waits()
        try:
            with context.on_cancel(lambda: self._give_up(waits)), waits.wait():
                return Connection(adbc.AdbcConnection(self._opened(seconds)), self.preset)
        except Exception as error:
            raise self.preset.explain(error, connecting=True) from error
        finally:
            waits.over()

    def explain(self, error: Exception) -> HeadwaterError:
        return self.preset.explain(error)

    def locate(self, error: HeadwaterError, sent: str) -> TextPosition | None:
        return self.preset.locate(error.__cause__, sent)

    def listing(self, kind: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        return self.preset.listing(kind, values)

    def numbers(self, table: pa.Table) -> pa.Table:
        return self.preset.numbers(table)

    def close(self) -> None:
        super().close()
        with self._lock, contextlib.suppress(adbc.Error, RuntimeError):  # lent connections keep it open
            if self._database is not None:
                self._database.close()
        self.preset.close()

    @resource("hypertables")
    def hypertables(self, request: ResourceRequest, context: CallContext) -> Records:
        """Hypertables of TimescaleDB: schema, name. None where the setting `timescaledb` is off."""
        del request
        return self.browse("hypertables", (), context)

    def _give_up(self, waits: Waits) -> None:
        """No other driver can be woken while it connects: its time limit ends it."""
        if self.preset.waits_for_ever:
            waits.end_after(_AGAIN_SECONDS)

    def _opened(self, seconds: float) -> adbc.AdbcDatabase:
        with self._lock:
            if self._database is None:
                database = open_database(self.preset.options(seconds))
                if setup := self.preset.setup():
                    with adbc.AdbcConnection(database) as connection:
                        run(connection, setup)
                self._database = database
            return self._database
