"""A path that a data source is given is the same file for whoever uses the data source, wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from headwater import Headwater
from headwater.datasources import provision
from headwater.errors import ValidationError
from headwater.sdk import DataSource, DataSourcePlugin, Query, field


@frozen(kw_only=True)
class Part:
    file: Path | None = field(None)
    name: str = field("")


@frozen(kw_only=True)
class Settings:
    path: Path = field(doc="The file.")
    label: str = field("")
    parts: tuple[Part, ...] = field(factory=tuple)


class Source(DataSource[Settings, Query]):
    pass


class FilePlugin(DataSourcePlugin):
    id = "file"
    settings_type = Settings
    query_type = Query
    data_source = Source


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Headwater]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with Headwater(allow_plugins=set()) as headwater:
        headwater.add_plugin("file", FilePlugin())
        yield headwater


@pytest.mark.parametrize(
    ("given", "saved"),
    [
        ("a.log", "{here}/a.log"),
        ("./x/../a.log", "{here}/a.log"),
        ("~/a.log", "{here}/home/a.log"),
        ("/a.log", "/a.log"),
    ],
)
def test_relative_paths_in_settings_are_saved_as_absolute_ones(
    host: Headwater, tmp_path: Path, given: str, saved: str
) -> None:
    settings = {"path": given, "label": given, "parts": [{"file": given, "name": given}]}
    added = host.add_data_source("f", type="file", json_data=settings)
    absolute = saved.format(here=tmp_path)
    expected = {"path": absolute, "label": given, "parts": [{"file": absolute, "name": given}]}
    assert added.json_data == expected
    host.update_data_source("f", json_data=settings)
    assert host.data_source("f").json_data == expected


@pytest.mark.parametrize(
    ("given", "saved"),
    [
        ("./ch", "{here}/ch"), (".", "{here}"), ("~/ch", "{here}/home/ch"), ("/ch", "/ch"), ("", ""),
        ("chdb://", "chdb://"), ("http://db.example/x", "http://db.example/x"), ("db.example", "db.example"),
    ],
)  # fmt: skip
def test_a_url_that_looks_like_a_relative_path_is_saved_as_an_absolute_one(
    host: Headwater, tmp_path: Path, given: str, saved: str
) -> None:
    added = host.add_data_source("f", type="file", url=given, json_data={"path": "/a"})
    assert added.url == saved.format(here=tmp_path)


def test_a_home_that_nobody_has_is_refused_by_name(host: Headwater) -> None:
    with pytest.raises(ValidationError, match=r"jsonData\.path: ~ is nowhere"):
        host.add_data_source("f", type="file", json_data={"path": "~nobody-at-all/a.log"})


def test_provisioning_saves_absolute_paths_and_changes_nothing_twice(host: Headwater, tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(
        "apiVersion: 1\ndatasources: [{name: f, type: file, url: ./ch, jsonData: {path: a.log}}]\n"
    )
    assert provision(host.data_sources, [file]).added == ("f",)
    stored = host.data_source("f")
    assert (stored.url, stored.json_data["path"]) == (f"{tmp_path}/ch", f"{tmp_path}/a.log")
    assert provision(host.data_sources, [file]).unchanged == ("f",)


def test_the_schema_says_which_setting_is_a_path(host: Headwater) -> None:
    properties = host.plugin_info("file").settings_schema["properties"]
    assert properties["path"] == {"type": "string", "format": "path", "description": "The file."}
