"""Completion in shells: what is offered, and that pressing a key changes nothing."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def offered(headwater: Run) -> Callable[[str], list[str]]:
    """`offered("query de")`: what bash is told to offer for that line."""

    def ask(line: str) -> list[str]:
        words = f"headwater {line}"
        done = headwater(_HEADWATER_COMPLETE="bash_complete", COMP_WORDS=words)
        assert done.stderr == ""
        return [each.partition(",")[2] for each in done.stdout.split()]

    return ask


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("que", ["query"]),
        ("query d", ["demo"]),
        ("query D", ["demo"]),
        ("ds show ", ["demo"]),
        ("schema demo random", ["random_walk"]),
        ("plugin info test", ["testdata"]),
        ("ds add new --type pro", ["prometheus"]),
        ("query --tim", ["--timeout", "--timing"]),
        ("query x", []),
        ("schema nothing r", []),
    ],
)
def test_what_there_is_to_complete(offered: Callable[[str], list[str]], line: str, found: list[str]) -> None:
    assert offered(line) == found


def test_completing_makes_no_data_directory(offered: Callable[[str], list[str]], data_dir: Path) -> None:
    assert offered("query d") == []
    assert not data_dir.exists()


def test_a_host_that_is_down_offers_nothing(offered: Callable[[str], list[str]]) -> None:
    assert offered("--host http://127.0.0.1:9 query d") == []


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    ("line", "word", "found"),
    [
        ("query d", "d", "demo"),
        ("query m", "m", r"my\ shop"),
        ('query "m', '"m', "my shop"),
        (r"schema my\ shop random", "random", "random_walk"),
        ("query eu", "eu", "eu:1"),
        ("query eu:", ":", "1"),
        ("query eu:1", "1", "1"),
        ("query 'eu:", "'eu:", "eu:1"),
        ("query c", "c", r"core\*"),
        ("--token-file nothing:here ds show d", "d", "demo"),
    ],
)
def test_bash_completes_by_the_script_that_it_loads(
    headwater: Run, data_dir: Path, tmp_path: Path, line: str, word: str, found: str
) -> None:
    """The function that the script defines is called as bash calls it."""
    for name in ("my shop", "eu:1", "core*"):
        assert headwater("ds", "add", name, "--type", "testdata").returncode == 0
    (tmp_path / "core").touch()  # no name is a pattern
    script = headwater("completion", "bash").stdout
    [function] = re.findall(r"^(\w+_completion)\(\)", script, re.MULTILINE)
    asking = f"""
        COMP_WORDS=({shlex.quote(word)}); COMP_CWORD=0; COMP_LINE={shlex.quote(f"headwater {line}")}
        COMP_POINT=${{#COMP_LINE}}; {function} headwater; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{asking}"],
        env={**os.environ, "PATH": programs, "HEADWATER_DATA_DIR": str(data_dir)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == f"{found}\n", done.stderr


@pytest.mark.usefixtures("demo")
def test_plugins_and_files_where_either_goes(offered: Callable[[str], list[str]], data_dir: Path) -> None:
    data_dir.parent.joinpath("mine.py").write_text(
        "from headwater.sdk import DataSource, DataSourcePlugin\n\n\n"
        "class Mine(DataSourcePlugin):\n    id = 'mine'\n    data_source = DataSource\n"
    )
    assert offered("plugin test testd") == ["testdata"]
    assert offered("plugin test ./mi") == ["./mi"]  # the shell looks for files
    assert offered("--token-file ./to") == ["./to"]
    assert offered(f"--plugin {data_dir.parent / 'mine.py'} plugin info mi") == ["mine"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(headwater: Run, shell: str) -> None:
    assert f"_HEADWATER_COMPLETE={shell}_complete" in headwater("completion", shell).stdout


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(("shell", "word"), [("zsh", "4"), ("fish", "--type=test")])
def test_other_shells_keep_the_option_before_a_value(headwater: Run, shell: str, word: str) -> None:
    done = headwater(
        _HEADWATER_COMPLETE=f"{shell}_complete",
        COMP_WORDS="headwater ds add new --type=test",
        COMP_CWORD=word,
    )
    assert "--type=testdata" in re.split(r"[\n,\t]", done.stdout), done.stderr
