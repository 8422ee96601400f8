"""Runs the snippets of one Markdown page, in order, in one process and folder.

`python snippets.py PAGE` prints a JSON list with an outcome per block. Run by `test_snippets.py` in a process
of its own, so that pages do not see each other.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, TypedDict

WHEELS = "HEADWATER_TEST_WHEELS_URL"
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"<!--\s*(needs|not-run):\s*(.*?)\s*-->\s*\Z", re.DOTALL)


class Block(TypedDict):
    """A block to run, and the output it must have, if the page gives one."""

    language: str
    line: int
    code: str
    expected: str | None


def blocks_of(page: str) -> list[Block]:
    """The `python` and `console` blocks of `page` that are to be run."""
    found: list[Block] = []
    previous_end, runs = 0, False
    for fence in _FENCE.finditer(page):
        between = page[previous_end : fence.start()]
        mark = _MARK.search(between)
        code = "".join(line.removeprefix(fence["indent"]) for line in fence["code"].splitlines(keepends=True))
        if fence["language"] == "text" and runs and not between.strip():
            found[-1]["expected"] = code
        runs = fence["language"] in ("python", "console") and not (mark and mark[1] == "not-run")
        if runs:
            line = page.count("\n", 0, fence.start("code")) + 1
            found.append({"language": fence["language"], "line": line, "code": code, "expected": None})
        previous_end = fence.end()
    return found


def run_python(block: Block, page: str, namespace: dict[str, Any]) -> str:
    """What the block prints. Raises what it raises."""
    code = compile("\n" * (block["line"] - 1) + block["code"], page, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def run_console(block: Block) -> str:
    """The stdout of the lines after `$ `, or of all lines if none has a prompt. Raises if one fails.

    `pip install` is left out: the tests' environment has everything, from this tree. Only a page that needs
    wheels makes its own environment. The shell writes to files: a server that a block leaves running would
    hold a pipe open.
    """
    lines = block["code"].splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith(("$ ", "> "))]
    if WHEELS not in os.environ:
        lines = [line for line in lines if not line.startswith("pip install")]
    script = "\n".join(["set -euo pipefail", *lines])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(["bash", "-c", script], stdout=out, stderr=err, check=False)
        out.seek(0)
        err.seek(0)
        if done.returncode:
            raise RuntimeError(f"exit {done.returncode}: {err.read().decode()}{out.read().decode()}")
        return out.read().decode()


def main(path: Path) -> None:
    # Classes defined in a snippet are looked up in the module that their __module__ names.
    module = type(sys)("__snippets__")
    sys.modules[module.__name__] = module
    outcomes = []
    for block in blocks_of(path.read_text()):
        outcome: dict[str, Any] = {"line": block["line"], "expected": block["expected"]}
        try:
            is_python = block["language"] == "python"
            outcome["output"] = (
                run_python(block, str(path), module.__dict__) if is_python else run_console(block)
            )
        except Exception:
            outcome["error"] = traceback.format_exc()
        outcomes.append(outcome)
        if "error" in outcome:
            break
    print(json.dumps(outcomes), file=sys.__stdout__)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
