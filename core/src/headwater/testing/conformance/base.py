"""Fixtures and helpers that every area of the kit uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from headwater.calls.context import CallContext, QueryLimits
from headwater.errors import HeadwaterError
from headwater.frames import Frame, FrameStream
from headwater.host import Headwater
from headwater.models import TimeRange
from headwater.plugins.discovery import PluginRecord, PluginSource
from headwater.plugins.plugin import CorePlugin
from headwater.sdk import DataSourcePlugin
from headwater.sdk.live import LiveDataSource
from headwater.testing.features import DataSourceConfig, Features, Probes, Support

from .mending import ConformanceError, record_of

__all__ = ["ConformanceBase"]


class ConformanceBase:
    """Subclass `DataSourceConformance`, not this.

    Nothing is opened at collection: servers belong into the `config` fixture of the subclass.
    """

    plugin_id: ClassVar[str]
    title: ClassVar[str] = ""
    """What reports call this suite; the plugin's id if empty."""
    features: ClassVar[Features] = Features()
    probes: ClassVar[Probes]
    driver_modules: ClassVar[tuple[str, ...]] = ()
    """Modules that importing the plugin must not import."""
    time_range: ClassVar[TimeRange] = TimeRange(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC)
    )
    """What every query asks for; fixed, so that answers repeat."""
    deadline: ClassVar[float] = 10.0
    """Seconds that a check waits for something that should be quick."""
    plugin_sources: ClassVar[tuple[PluginSource, ...]] = ()
    """As for `Headwater`: to check the plugin where it runs elsewhere."""
    patience: ClassVar[float] = 2.0
    """Seconds that a health check of a silent server gets."""

    @pytest.fixture
    def config(self) -> DataSourceConfig:
        """The live data source. Override it."""
        return DataSourceConfig()

    @pytest.fixture
    def record(self) -> PluginRecord:
        """The installed plugin."""
        return record_of(type(self), self.plugin_id, self.plugin_sources)

    @pytest.fixture
    def headwater(self, record: PluginRecord) -> Iterator[Headwater]:
        pa.array([0])  # for its first array pyarrow imports pandas: seconds that are not the data source's
        with self.host(record) as host:
            yield host

    @pytest.fixture
    def source(self, headwater: Headwater, config: DataSourceConfig) -> str:
        """The name of the live data source in `headwater`."""
        try:
            return self.add(headwater, config, "live")
        except HeadwaterError as error:
            raise ConformanceError.of(
                type(self), error, "suite.config", "give what the plugin's settings and secrets take"
            ) from error

    def host(self, record: PluginRecord, **options: Any) -> Headwater:
        """A host that knows the plugin and no other."""
        return Headwater(
            allow_plugins={record.plugin_id},
            plugin_sources=self.plugin_sources,
            limits=QueryLimits(timeout=self.deadline),
            **options,
        )

    def add(self, headwater: Headwater, config: DataSourceConfig, name: str, **changes: Any) -> str:
        fields = {
            "url": config.url,
            "user": config.user,
            "database": config.database,
            "basic_auth": config.basic_auth,
            "basic_auth_user": config.basic_auth_user,
            "json_data": config.json_data,
            "secure_json_data": config.secure_json_data,
        }
        return headwater.add_data_source(type=self.plugin_id, name=name, **{**fields, **changes}).name

    def build(self, headwater: Headwater, source: str) -> LiveDataSource:
        """An instance of the plugin's DataSource, outside of any manager: close it yourself."""
        plugin = headwater.registry.plugin(self.plugin_id)
        assert isinstance(plugin, CorePlugin)
        implementation = plugin.implementation
        if not isinstance(implementation, DataSourcePlugin):
            pytest.skip("the plugin is not built on headwater.sdk.DataSourcePlugin")
        context = headwater.plugin_contexts.get_with_data_source(headwater.data_source(source))
        return LiveDataSource(implementation.build(context))

    def need(self, capability: str) -> None:
        """Skip, visibly, unless the plugin declares the capability in full."""
        support: Support = getattr(self.features, capability)
        if support is not Support.FULL:
            pytest.skip(f"{capability}: {support.value}")

    def probe(self, name: str) -> Any:
        """The probe with this name; a declared capability without its probe fails."""
        value = getattr(self.probes, name)
        if not value:
            raise ConformanceError.of(
                type(self), f"There is no probe `{name}`", "suite.probes",
                f"give {name}=…, or declare the capability as unsupported in features",
            )  # fmt: skip
        return value

    def optional_probe(self, name: str) -> Any:
        if not (value := getattr(self.probes, name)):
            pytest.skip(f"no probe: {name}")
        return value

    def ask(self, headwater: Headwater, source: str, query: Mapping[str, Any], **options: Any) -> list[Frame]:
        """The frames of a query over the kit's time range."""
        return headwater.query_frames(source, query, time_range=self.time_range, **options)

    def ask_one(self, headwater: Headwater, source: str, query: Mapping[str, Any], **options: Any) -> Frame:
        return headwater.query(source, query, time_range=self.time_range, **options)

    def stream(self, headwater: Headwater, source: str, query: Mapping[str, Any]) -> FrameStream:
        return headwater.stream(source, query, time_range=self.time_range)

    def answers(self, headwater: Headwater, source: str, when: str) -> None:
        """`probes.simple` still works."""
        try:
            frames = self.ask(headwater, source, self.probes.simple)
        except HeadwaterError as error:
            raise AssertionError(f"probes.simple fails {when}: {error!r}") from error
        assert frames, f"probes.simple gives no frame {when}"

    def error_of(
        self, headwater: Headwater, source: str, query: Mapping[str, Any], why: str, **options: Any
    ) -> Exception:
        """The error that a query ends with; fails if it ends well, although `why`."""
        try:
            self.ask(headwater, source, query, **options)
        except Exception as error:
            return error
        pytest.fail(f"The query succeeded, although {why}")

    @contextmanager
    def cancelled_after(self, seconds: float) -> Iterator[CallContext]:
        """A context that another thread cancels."""
        context = CallContext()
        timer = threading.Timer(seconds, context.cancel)
        timer.start()
        try:
            yield context
        finally:
            timer.cancel()
            timer.join()


def eventually(condition: Any, seconds: float) -> bool:
    """Whether `condition()` becomes true within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
