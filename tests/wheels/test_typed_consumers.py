"""Programs of others, checked by mypy and pyright against the installed wheels, and run there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from built import ROOT, CleanEnvironment, run
from servers.process import fetch_npm_package, find_program, unavailable

PYRIGHT = "1.1.414"
MYPY_SETTINGS = "[mypy]\nstrict = True\n[mypy-pyarrow.*]\nignore_missing_imports = True\n"
Pyright = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs, and nothing of this tree above it."""
    return Path(shutil.copytree(ROOT / "tests" / "consumer", tmp_path_factory.mktemp("consumer") / "src"))


@pytest.fixture(scope="module")
def pyright(clean: CleanEnvironment, consumer: Path) -> Pyright:
    """`pyright(*arguments)`: its report on the programs, or on what an argument asks for."""
    if (node := find_program("node")) is None:
        unavailable("node is needed to run pyright")
    program = fetch_npm_package("pyright", PYRIGHT) / "index.js"
    settings = {"typeCheckingMode": "strict", "reportUnnecessaryTypeIgnoreComment": "error"}
    # pyarrow has no types of its own: what comes from it is not known, and is not ours.
    untyped = ("reportMissingTypeStubs", "reportUnknownMemberType", "reportUnknownVariableType")
    settings |= dict.fromkeys((*untyped, "reportUnknownArgumentType", "reportUnknownParameterType"), "none")
    (consumer / "pyrightconfig.json").write_text(json.dumps(settings))
    # pyright asks the first `python` of the path where packages are.
    path = os.pathsep.join([str(clean.python.parent), os.environ["PATH"]])

    def check(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [node, str(program), "--outputjson", *arguments],
            cwd=consumer, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.startswith("{"), f"{done.stdout}\n{done.stderr}"
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return check


def test_the_consumer_runs_on_the_wheels(clean: CleanEnvironment, consumer: Path) -> None:
    assert clean.run("python", "embedder.py", cwd=consumer) == "3 caller 5\n"


def test_mypy_accepts_the_consumer_and_sees_its_mistakes(clean: CleanEnvironment, consumer: Path) -> None:
    """A mistake is marked `type: ignore`; strict mypy complains of a mark that is not needed."""
    settings = consumer / "mypy.ini"
    settings.write_text(MYPY_SETTINGS)
    checked = ["--config-file", settings, "--cache-dir", consumer / "cache", "embedder.py", "gauges.py"]
    run(sys.executable, "-m", "mypy", "--python-executable", clean.python, *checked, cwd=consumer)


def test_pyright_accepts_the_consumer_and_sees_its_mistakes(pyright: Pyright) -> None:
    report = pyright("embedder.py", "gauges.py")
    assert report["summary"]["filesAnalyzed"] == 2
    assert [each for each in report["generalDiagnostics"] if each["severity"] == "error"] == []


def test_every_public_type_of_the_core_is_known(pyright: Pyright) -> None:
    """pyright's measure of completeness: no exported symbol's type is missing or guessed."""
    completeness = pyright("--verifytypes", "headwater", "--ignoreexternal")["typeCompleteness"]
    assert completeness["exportedSymbolCounts"]["withKnownType"] > 0
    flaws = {
        symbol["name"]: [each["message"] for each in symbol["diagnostics"]]
        for symbol in completeness["symbols"]
        if symbol["isExported"] and not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"])
    }
    assert flaws == {}
