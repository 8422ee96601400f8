from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater_server.cli.main import COMMANDS, main

Headwater = Callable[..., subprocess.CompletedProcess[str]]


def test_help_imports_neither_pyarrow_nor_a_plugin() -> None:
    code = (
        "import sys; from headwater_server.cli.main import main; main(['--help'], standalone_mode=False);"
        "print({'pyarrow', 'numpy', 'sqlalchemy', 'rich', 'headwater_testdata'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.usefixtures("demo")
def test_a_query_brings_in_nothing_that_it_has_no_use_for(headwater: Headwater) -> None:
    """rich draws tracebacks and progress, and nobody watches; Arrow would look for pandas."""
    done = headwater("query", "demo", "random_walk", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "pyarrow.lib" in imported
    assert (
        imported & {"rich.console", "pandas.core", "polars.series", "alembic.command", "starlette"} == set()
    )


def test_help_names_every_command_and_the_exit_codes(headwater: Headwater) -> None:
    done = headwater("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("query", "ds", "plugin", "schema", "doctor", "130"))


def test_the_summaries_that_help_shows_are_the_commands_own() -> None:
    context = main.make_context("headwater", ["doctor"], resilient_parsing=True)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert (command.help or "").startswith(COMMANDS[name].summary), name


@pytest.mark.parametrize("name", ["query", "schema", "ds", "plugin", "doctor"])
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_the_version_is_the_distributions(headwater: Headwater) -> None:
    assert headwater("--version").stdout == "headwater 0.1.0\n"


def test_a_query_does_not_wait_for_pandas(tmp_path: Path) -> None:
    """pyarrow imports it for its first array wherever it is installed."""
    pytest.importorskip("pandas")
    code = (
        "import sys; from headwater_server.cli.main import main\n"
        f"run = lambda *words: main(['--data-dir', {str(tmp_path)!r}, *words], standalone_mode=False)\n"
        "run('ds', 'add', 'demo', '--type', 'testdata'); run('query', 'demo', 'random_walk')\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    "then",
    ["import pandas as pd; print(pa.array(pd.Series(['a', None])).null_count)",
     "print(pa.array(pa.table({'a': ['x', None]}).to_pandas()['a']).null_count)"],
)  # fmt: skip
def test_pandas_is_there_for_whoever_asks_for_it(then: str) -> None:
    """A series with a missing text is an error for a pyarrow that knows no pandas."""
    pytest.importorskip("pandas")
    code = (
        "from headwater.frames import start_arrow_without_pandas as start\n"
        f"start(); import pyarrow as pa; {then}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1"
