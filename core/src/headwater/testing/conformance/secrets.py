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
from .mending import ConformanceError, mend

_CANARY = "canary-7f3a91c4-never-to-be-seen"


class SecretsChecks(ConformanceBase):
    @pytest.fixture
    def bare_host(self, record: PluginRecord) -> Iterator[Headwater]:
        """A host without middlewares: the usual ones mask secrets, and so would a plugin's fault."""
        registry = InMemoryRegistry()
        registry.add(CorePlugin(record.plugin_id, record.load, target=record.target))
        with Headwater(registry=registry, limits=QueryLimits(timeout=self.deadline)) as host:
            yield host

    @mend(
        "source",
        "call reveal() only where the driver takes the secret, and do not show messages that repeat it",
    )
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
        written = {"a log record": caplog.text, "stdout": captured.out, "stderr": captured.err}
        for where, text in [*texts, *written.items()]:
            assert _CANARY not in text, f"A secret is in {where}"

    @mend("source.__init__", "keep Secret objects, and call reveal() where the connection is made")
    def test_a_built_instance_holds_no_secret_in_plain_sight(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        """Neither its settings nor its attributes print one: a debugger's or a logger's `repr` is enough."""
        self.need("secrets")
        source = self.add(headwater, config, "printed", secure_json_data=self._canaries(headwater, config))
        live = self.build(headwater, source)
        data_source = live.data_source
        try:
            printed = repr(data_source.settings) + repr(vars(data_source))
            if attrs.has(type(data_source.settings)):
                printed += repr(attrs.asdict(data_source.settings))
        finally:
            live.close()
        assert _CANARY not in printed, "The repr of the instance's attributes or settings shows a secret"

    def _canaries(self, headwater: Headwater, config: DataSourceConfig) -> dict[str, str]:
        keys = [key for key in headwater.plugin_info(self.plugin_id).secret_keys if not key.endswith("*")]
        if not keys:
            raise ConformanceError.of(
                type(self), "The plugin declares no secret keys", "suite.features",
                "Features(secrets=Support.UNSUPPORTED), or declare the key with secret() in the settings",
            )  # fmt: skip
        return {**dict.fromkeys(keys, _CANARY), **self.untouchable_secrets(config)}

    def untouchable_secrets(self, config: DataSourceConfig) -> dict[str, str]:
        """Secrets that must keep their form, such as PEM certificates. Override it."""
        return {key: value for key, value in config.secure_json_data.items() if key.startswith("tls")}


def _everything_said(headwater: Headwater, source: str, kit: ConformanceBase) -> Iterator[tuple[str, str]]:
    health = headwater.check_health(source, timeout=kit.deadline)
    yield "the health check", health.message + json.dumps(dict(health.details), default=str)
    for query in (kit.probes.simple, kit.probes.wrong):
        try:
            kit.ask(headwater, source, query)
        except Exception as error:
            yield "an error", f"{error} {error!r}"
    if kit.probes.resource:
        try:
            body = headwater.call_resource(source, kit.probes.resource).body
            yield f"the resource {kit.probes.resource}", body.decode(errors="replace")
        except HeadwaterError as error:
            yield f"the error of the resource {kit.probes.resource}", str(error)
