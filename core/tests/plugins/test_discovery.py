"""Real distributions: dist-info folders and modules in a temporary folder on `sys.path`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import importlib_metadata
import pytest

from headwater.errors import PluginUnavailableError
from headwater.plugins import PluginRecord, PluginState, discover, load_all
from headwater.plugins.registry import registry_of

SOUND = """
from headwater import hookimpl
from headwater.models import CheckHealthResult

class Plugin:
    @hookimpl
    def check_health(self):
        return CheckHealthResult.ok("fine")
"""


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(
        self,
        name: str,
        code: str = SOUND,
        *,
        plugin_id: str | None = None,
        distribution: str | None = None,
        requires: str = "",
        target: str = ":Plugin",
        metadata: str | None = None,
    ) -> None:
        (self.folder / f"site_{name}.py").write_text(code)
        distribution = distribution or f"headwater-{name}"
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        required = f"Requires-Dist: {requires}\n" if requires else ""
        lines = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{required}"
        (info / "METADATA").write_text(lines if metadata is None else metadata)
        (info / "entry_points.txt").write_text(
            f"[headwater.datasources.v1]\n{plugin_id or name} = site_{name}{target}\n"
        )

    def discover(self, **options: object) -> dict[str, PluginRecord]:
        found = importlib_metadata.distributions(path=[str(self.folder)])
        return {record.plugin_id: record for record in discover(distributions=found, **options)}  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    monkeypatch.delenv("HEADWATER_PLUGINS_ALLOW", raising=False)
    monkeypatch.delenv("HEADWATER_PLUGINS_BLOCK", raising=False)
    yield site
    for module in [name for name in sys.modules if name.startswith("site_")]:
        del sys.modules[module]


def test_discovery_imports_nothing(site: Site) -> None:
    site.install("a", "raise AssertionError('imported')")
    record = site.discover()["a"]
    assert record.state is PluginState.DISCOVERED
    assert "site_a" not in sys.modules
    assert (record.distribution, record.version) == ("headwater-a", "1.0")
    assert record.entry_point == "site_a:Plugin"


def test_a_sound_plugin_becomes_ready_when_loaded(site: Site) -> None:
    site.install("a")
    record = site.discover()["a"]
    implementation = record.load()
    assert record.state is PluginState.READY
    assert record.load() is implementation


@pytest.mark.parametrize("target", [":Plugin", ":factory", ":instance", ""])
def test_a_plugin_may_be_a_class_a_factory_an_object_or_a_module(site: Site, target: str) -> None:
    code = SOUND + "\ndef factory(): return Plugin()\ninstance = Plugin()\n"
    if target == "":
        code = "from headwater import hookimpl\n@hookimpl\ndef check_health(): ...\n"
    site.install("a", code, target=target)
    record = site.discover()["a"]
    record.load()
    assert record.state is PluginState.READY


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_driver_nobody_has", "ModuleNotFoundError: No module named 'a_driver_nobody_has'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line"),
        ("class Panic(BaseException): ...\nraise Panic('rust')", "Panic: rust"),
        ("class Plugin:\n    def __init__(self): raise OSError('no licence')", "OSError: no licence"),
        ("x = 1", "AttributeError"),
        ("def", "SyntaxError"),
    ],
)
def test_a_plugin_that_fails_to_import_is_broken_and_says_why(site: Site, code: str, reason: str) -> None:
    site.install("a", code)
    record = site.discover()["a"]
    for _ in range(2):
        with pytest.raises(PluginUnavailableError) as caught:
            record.load()
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is not None
    assert record.state is PluginState.BROKEN


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("Plugin = 5", "int has no method marked with hookimpl"),
        (SOUND.replace("check_health", "chek_health"), "no hook chek_health, did you mean check_health"),
        (SOUND.replace("    def check", "    async def check"), "check_health is async"),
        (SOUND.replace("(self)", "(self, *, context)"), "context of check_health is keyword-only"),
    ],
)
def test_an_object_that_is_no_plugin_is_invalid_and_says_why(site: Site, code: str, reason: str) -> None:
    site.install("a", code)
    record = site.discover()["a"]
    with pytest.raises(PluginUnavailableError, match="headwater-a is INVALID"):
        record.load()
    assert record.state is PluginState.INVALID
    assert reason in record.reason


def test_an_id_that_cannot_be_one_is_invalid(site: Site) -> None:
    site.install("a", plugin_id="My Plugin")
    assert site.discover()["My Plugin"].state is PluginState.INVALID


@pytest.mark.parametrize(
    ("requirement", "state"),
    [
        ("headwater>=0.1,<1", PluginState.DISCOVERED),
        ("headwater>=99", PluginState.INCOMPATIBLE),
        ("Headwater[json]<0.1", PluginState.INCOMPATIBLE),
        ('headwater>=99; python_version < "3"', PluginState.DISCOVERED),
        ('headwater>=99; extra == "future"', PluginState.DISCOVERED),
        ("headwater-extras>=99", PluginState.DISCOVERED),
        ("headwater>=>1", PluginState.INCOMPATIBLE),
    ],
)
def test_the_requirement_on_the_core_is_checked_before_import(
    site: Site, requirement: str, state: PluginState
) -> None:
    site.install("a", "raise AssertionError('imported')", requires=requirement)
    record = site.discover()["a"]
    assert record.state is state
    if state is PluginState.INCOMPATIBLE:
        with pytest.raises(PluginUnavailableError, match="INCOMPATIBLE"):
            record.load()


def test_an_incompatible_plugin_names_both_versions(site: Site) -> None:
    site.install("a", requires="headwater>=99")
    assert site.discover()["a"].reason == "it needs headwater>=99, and 0.1.0 is installed"


@pytest.mark.parametrize(
    ("options", "blocked"),
    [
        ({"block": {"a"}}, {"a"}),
        ({"block": {"*"}}, {"a", "b"}),
        ({"allow": {"a"}}, {"b"}),
        ({"allow": {"*"}}, set()),
        ({"allow": {"a", "b"}, "block": {"b"}}, {"b"}),
        ({}, set()),
    ],
)
def test_lists_block_plugins(site: Site, options: dict[str, set[str]], blocked: set[str]) -> None:
    site.install("a")
    site.install("b")
    records = site.discover(**options)
    assert {name for name, each in records.items() if each.state is PluginState.BLOCKED} == blocked


def test_the_environment_blocks_unless_arguments_say_otherwise(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("a")
    site.install("b")
    monkeypatch.setenv("HEADWATER_PLUGINS_BLOCK", " a , ")
    monkeypatch.setenv("HEADWATER_PLUGINS_ALLOW", "a,b")
    states = [record.state for record in site.discover().values()]
    assert states == [PluginState.BLOCKED, PluginState.DISCOVERED]
    assert site.discover(block=())["a"].state is PluginState.DISCOVERED
    assert site.discover(allow=["a"])["b"].state is PluginState.BLOCKED


def test_two_distributions_that_claim_one_id_are_both_refused_by_name(site: Site) -> None:
    site.install("a", plugin_id="mysql")
    site.install("b", plugin_id="mysql")
    records = discover(distributions=importlib_metadata.distributions(path=[str(site.folder)]))
    assert [record.state for record in records] == [PluginState.DUPLICATE] * 2
    assert all("headwater-a 1.0 and headwater-b 1.0" in record.reason for record in records)


def test_blocking_does_not_resolve_a_claim_but_an_unusable_claimant_does_not_count(site: Site) -> None:
    site.install("a", plugin_id="mysql")
    site.install("b", plugin_id="mysql", requires="headwater>=99")
    records = discover(distributions=importlib_metadata.distributions(path=[str(site.folder)]))
    assert {record.state for record in records} == {PluginState.DISCOVERED, PluginState.INCOMPATIBLE}
    plugin = registry_of(records).plugin("mysql")
    assert plugin is not None
    plugin.start()


def test_a_distribution_further_down_the_path_is_shadowed_as_its_modules_are(
    site: Site, tmp_path: Path
) -> None:
    site.install("a", distribution="Head.Water-A")
    other = Site(tmp_path / "other")
    other.install("a", distribution="head_water_a")
    found = importlib_metadata.distributions(path=[str(site.folder), str(other.folder)])
    (record,) = discover(distributions=found)
    assert record.state is PluginState.DISCOVERED


def test_one_broken_plugin_never_hides_another(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.install("broken", "import nothing_of_this_name")
    site.install("leaves", "import sys; sys.exit()")
    site.install("invalid", "Plugin = None")
    site.install("old", requires="headwater<0.0.1")
    site.install("unreadable", metadata="")
    site.install("sound")
    records = site.discover(block={"blocked"})
    load_all(records.values())
    states = {name: record.state.value for name, record in records.items()}
    assert states == {
        "broken": "BROKEN",
        "invalid": "INVALID",
        "leaves": "BROKEN",
        "old": "INCOMPATIBLE",
        "sound": "READY",
    }
    registry = registry_of(records.values())
    assert [plugin.plugin_id for plugin in registry.plugins()] == sorted(states)
    sound = registry.plugin("sound")
    assert sound is not None
    sound.start()


def test_absence_is_never_silent(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.install("old", requires="headwater<0.0.1")
    site.install("unreadable", metadata="")
    site.install("blocked")
    site.install("broken", "import nothing_of_this_name")
    records = site.discover(block={"blocked"})
    load_all(records.values())
    unreadable, at_discovery, at_loading = (record.message for record in caplog.records)
    assert "cannot be read" in unreadable
    assert "headwater_unreadable" in unreadable
    assert "old of headwater-old (INCOMPATIBLE)" in at_discovery
    assert "broken of headwater-broken (BROKEN)" in at_loading
    assert "blocked" not in at_discovery + at_loading


def test_asking_for_a_plugin_that_cannot_be_used_raises_with_the_reason(site: Site) -> None:
    site.install("old", requires="headwater<0.0.1")
    plugin = registry_of(site.discover().values()).plugin("old")
    assert plugin is not None
    assert plugin.version == "1.0"
    with pytest.raises(PluginUnavailableError, match=r"it needs headwater<0\.0\.1"):
        _ = plugin.info


def test_other_entry_points_and_an_empty_environment_are_no_plugins(site: Site) -> None:
    site.install("a")
    for file in site.folder.glob("*/entry_points.txt"):
        file.write_text("[console_scripts]\na = site_a:main  ; headwater.datasources.v1\n")
    assert site.discover() == {}
    assert discover(distributions=[]) == []


def test_an_interrupted_import_is_tried_again(site: Site) -> None:
    site.install("a", "raise KeyboardInterrupt")
    record = site.discover()["a"]
    with pytest.raises(KeyboardInterrupt):
        record.load()
    assert record.state is PluginState.DISCOVERED
