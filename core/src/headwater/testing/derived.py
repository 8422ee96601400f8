"""The suite of a plugin that brings none: made of what the plugin says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import pytest

from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater.plugins import PluginSource

from .conformance import DataSourceConformance
from .conformance.settings import value_of_wrong_type
from .features import DataSourceConfig, Features, Probes, Support

__all__ = ["PROBES", "TestPlugin", "derive"]

PROBES = ("simple", "wrong", "rows", "empty", "slow", "text", "duplicate_columns", "resource")
"""Probes that can be given as data; those of types and parameters take a suite."""


class TestPlugin(DataSourceConformance):
    """`derive` fills it in. A check without its probe declines: nobody has declared it."""

    given: ClassVar[DataSourceConfig] = DataSourceConfig()

    @pytest.fixture
    def config(self) -> DataSourceConfig:
        """The data source that was given."""
        return self.given

    def probe(self, name: str) -> Any:
        """As the others: without it the check declines."""
        return self.optional_probe(name)


def derive(
    info: PluginInfo,
    config: DataSourceConfig,
    probes: Mapping[str, Any],
    sources: Sequence[PluginSource] = (),
) -> None:
    """Make `TestPlugin` the suite of this plugin.

    `probes` are query objects by the names of PROBES, or texts where the plugin has a text key; `$count` in
    `rows` and `$text` in `text` stand for what the kit asks. Without `simple`, the first example is taken.
    Raises ValidationError for a probe that cannot be, and if there is neither.
    """
    for name in probes:
        if name not in PROBES:
            raise ValidationError(f"there is no such probe; there are {', '.join(PROBES)}", path=name)
    given: dict[str, Any] = {
        name: value if name == "resource" else _query(info, value) for name, value in probes.items()
    }
    simple = given.pop("simple", None) or (dict(info.examples[0].query) if info.examples else None)
    if simple is None:
        raise ValidationError(
            "the plugin gives no example, so say what to ask it: --probe simple=QUERY, in Python `probes`",
            path="simple",
        )
    TestPlugin.plugin_id = info.id
    TestPlugin.plugin_sources = tuple(sources)
    TestPlugin.given = config
    TestPlugin.features = Features(
        network=_full(bool(config.url) and info.connection != {}),
        secrets=_full(bool(info.secret_keys)),
        streaming=_full("stream" in info.capabilities),
    )
    TestPlugin.probes = Probes(
        simple=simple,
        wrong=given.pop("wrong", None) or _wrong(info, simple),
        rows=_made(given.pop("rows", None), "$count") or _no_rows,
        text=_made(given.pop("text", None), "$text"),
        **given,
    )


def _query(info: PluginInfo, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if info.query_text_key and isinstance(value, str):
        return {info.query_text_key: value}
    raise ValidationError(f"{value!r} is no query object", path="probes")


def _wrong(info: PluginInfo, simple: Mapping[str, Any]) -> dict[str, Any]:
    """A text that no language takes, or a value of a wrong type; none if neither can be said."""
    if info.query_text_key:
        return {**simple, info.query_text_key: "this is no query ("}
    for key, described in info.query_schema.get("properties", {}).items():
        if (wrong := value_of_wrong_type(described)) is not None:
            return {**simple, key: wrong}
    return {}


def _full(there: bool) -> Support:
    return Support.FULL if there else Support.UNSUPPORTED


def _no_rows(_count: int) -> NoReturn:
    pytest.skip("no probe: rows")


def _made(query: Mapping[str, Any] | None, name: str) -> Callable[[Any], dict[str, Any]] | None:
    """A function that puts a value where the query has `name`."""
    return None if query is None else lambda value: _filled(query, name, value)


def _filled(part: Any, name: str, value: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _filled(each, name, value) for key, each in part.items()}
    if isinstance(part, list):
        return [_filled(each, name, value) for each in part]
    if isinstance(part, str):
        return value if part == name else part.replace(name, str(value))
    return part
