"""A copy of one distribution that mutmut may change, with the settings that it reads there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mutation.rooms import Room

ROOT = Path(__file__).parents[2]
_SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
also_copy = ["conftest.py", "shared"]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
timeout_multiplier = 20
timeout_constant = 5

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib", "-m", "not slow", "-p", "no:cacheprovider"]
pythonpath = ["shared"]
filterwarnings = ["error"]
timeout = 300
markers = ["slow: minutes rather than seconds"]
"""
"""forkserver: else mutants are tried in forks of the process that ran all tests before. What does not survive
a fork fails there, and any mutant seems to be killed. mutmut also would wait for processes that it does not
know: those that a killed test leaves behind become its own."""
_SAME_EXAMPLES = """

hypothesis.settings.register_profile("same", hypothesis.settings(), derandomize=True, max_examples=50)
hypothesis.settings.load_profile("same")
"""
"""A mutant must not live or die by chance."""


def prepare(room: Room, folder: Path) -> None:
    """Make `folder` the workspace of `room`. Of what has not changed, mutmut still knows the outcome."""
    distribution = ROOT / room.distribution
    ignored = shutil.ignore_patterns("__pycache__", "static", "node_modules")
    for part, source in (
        (f"src/{room.package}", distribution / "src" / room.package),
        ("tests", distribution / "tests"),
        ("shared", ROOT / "tests"),
    ):
        shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(source, folder / part, ignore=ignored)
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text() + _SAME_EXAMPLES)
    (folder / "pyproject.toml").write_text(
        _SETTINGS.format(
            modules=json.dumps([f"src/{room.package}/{module}" for module in room.modules]),
            tests=json.dumps([f"tests/{test}" for test in room.tests]),
        )
    )
