"""Secrets stay in: no text that leaves the plugin holds one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import attrs
import pytest

from headwater.calls.context import QueryLimits
from headwater.errors import HeadwaterError
from headwater.host import Headwater
from headwater.plugins.discovery import PluginRecord
from headwater.plugins.plugin import CorePlugin
from headwater.plugins.registry import InMemoryRegistry
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase

_CANARY = "canary-7f3a91c4-never-to-be-seen"


class SecretsChecks(ConformanceBase):
    @pytest.fixture
    def bare_host(self, record: PluginRecord) -> Iterator[Headwater]:
        """A host without middlewares: the usual ones mask secrets, and so would a plugin's fault."""
        registry = InMemoryRegistry()
        registry.add(CorePlugin(record.plugin_id, record.load))
        with Headwater(registry=registry, limits=QueryLimits(timeout=self.deadline)) as host:
            yield host

    def test_a_secret_never_shows_in_health_errors_or_logs(
        self,
        bare_host: Headwater,
        config: DataSourceConfig,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Every secret the plugin reads is set to a canary; then everything is tried."""
        self.need("secrets")
        caplog.set_level(logging.DEBUG)
        source = self.add(bare_host, config, "canary", secure_json_data=self._canaries(bare_host, config))
        texts = list(_everything_said(bare_host, source, self))
        captured = capsys.readouterr()
        for text in [*texts, caplog.text, captured.out, captured.err]:
            assert _CANARY not in text

    def test_a_built_instance_holds_no_secret_in_plain_sight(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        """Neither its settings nor its attributes print one: a debugger's or a logger's `repr` is enough."""
        self.need("secrets")
        source = self.add(headwater, config, "printed", secure_json_data=self._canaries(headwater, config))
        data_source = self.build(headwater, source)
        try:
            printed = repr(data_source.settings) + repr(vars(data_source))
            if attrs.has(type(data_source.settings)):
                printed += repr(attrs.asdict(data_source.settings))
        finally:
            data_source.close()
        assert _CANARY not in printed

    def _canaries(self, headwater: Headwater, config: DataSourceConfig) -> dict[str, str]:
        keys = [key for key in headwater.plugin_info(self.plugin_id).secret_keys if not key.endswith("*")]
        assert keys, "the plugin declares no secret keys; say so in features.secrets"
        return {**dict.fromkeys(keys, _CANARY), **self.untouchable_secrets(config)}

    def untouchable_secrets(self, config: DataSourceConfig) -> dict[str, str]:
        """Secrets that must keep their form, such as PEM certificates. Override it."""
        return {key: value for key, value in config.secure_json_data.items() if key.startswith("tls")}


def _everything_said(headwater: Headwater, source: str, kit: ConformanceBase) -> Iterator[str]:
    health = headwater.check_health(source, timeout=kit.deadline)
    yield health.message + json.dumps(dict(health.details), default=str)
    for query in (kit.probes.simple, kit.probes.wrong):
        try:
            kit.ask(headwater, source, query)
        except Exception as error:
            yield str(error)
            yield repr(error)
    if kit.probes.resource:
        try:
            yield headwater.call_resource(source, kit.probes.resource).body.decode(errors="replace")
        except HeadwaterError as error:
            yield str(error)
