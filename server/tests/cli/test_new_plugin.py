"""`headwater plugin new` asks, checks, and writes over nothing. tests/template is about what it makes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from headwater.errors import ValidationError
from headwater_server.plugin_template import PluginTemplate

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_folder_goes_to_stdout_and_the_next_steps_to_stderr(headwater: Run, tmp_path: Path) -> None:
    done = headwater("plugin", "new", "acme", "--kind", "other", "--out", tmp_path)
    assert done.returncode == 0
    folder = tmp_path / "headwater-acme"
    assert done.stdout == f"{folder}\n"
    assert (folder / "src/headwater_acme/py.typed").is_file()
    for step in (f"cd {folder}", "pip install -e .", "ds add demo --type acme", "query demo north", "pytest"):
        assert step in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Acme"], "slug: 'Acme' breaks the rule: lower-case letters and digits"),
        (["acme_cloud"], "breaks the rule"),
        (["2acme"], "breaks the rule"),
        (["a" * 31], "at most 30 characters"),
        (["../acme"], "breaks the rule"),
        (["mysql"], "'mysql' is taken by a distribution of Headwater itself"),
        (["acme", "--kind", "soap"], "kind: 'soap' is none of sql, http, other"),
        (["acme", "--licence", "GPL"], "licence: 'GPL' is none of Apache-2.0, MIT, BSD-3-Clause"),
        (["acme", "--title", 'The "acme"'], "title: 'The \"acme\"' breaks the rule: one line"),
        (["acme", "--author", "a\nb"], "author: 'a\\nb' breaks the rule: one line"),
        ([], "Give the new plugin an id: headwater plugin new SLUG"),
    ],
)
def test_a_bad_answer_is_refused_with_the_rule_before_anything_is_written(
    headwater: Run, tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = headwater("plugin", "new", *arguments, "--out", tmp_path / "made")
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "made").exists()


def test_no_plugin_of_headwaters_own_is_made_anew() -> None:
    template = PluginTemplate.open()
    for plugin in entry_points(group="headwater.datasources.v1"):
        with pytest.raises(ValidationError, match="slug"):
            template.check("slug", plugin.name)


def test_a_folder_that_is_there_stays_as_it_is(headwater: Run, tmp_path: Path) -> None:
    mine = tmp_path / "headwater-acme" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    done = headwater("plugin", "new", "acme", "--out", tmp_path)
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


def test_the_help_names_the_templates_own_choices(headwater: Run) -> None:
    told = headwater("plugin", "new", "--help").stdout
    for question in PluginTemplate.open().questions:
        assert "|".join(question.choices) in told


def test_on_a_terminal_it_asks_for_what_is_missing_until_the_answer_is_possible(tmp_path: Path) -> None:
    command = ["-m", "headwater_server", "plugin", "new", "--licence", "MIT", "--out", str(tmp_path)]
    told = on_a_terminal(command, "Acme\nacme-cloud\n\nsoap\nother\n\n")
    assert "Id of the plugin" in told
    assert "breaks the rule" in told
    assert "Title, as users see it [Acme cloud]" in told
    assert "'soap' is not one of 'sql', 'http', 'other'" in told
    folder = tmp_path / "headwater-acme-cloud"
    assert "MIT License" in (folder / "LICENSE").read_text()
    assert "The headwater-acme-cloud developers" in (folder / "pyproject.toml").read_text()


def test_what_is_rendered_with_is_not_loaded_for_other_commands() -> None:
    code = "import sys, headwater_server.cli.plugins; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def on_a_terminal(arguments: list[str], typed: str) -> str:
    """What Python prints on a terminal of its own, where `typed` is typed."""
    command = [sys.executable, *arguments]
    ours, its = pty.openpty()
    try:
        with subprocess.Popen(command, stdin=its, stdout=its, stderr=subprocess.STDOUT) as process:
            os.write(ours, typed.encode())
            assert process.wait(60) == 0
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(its)
