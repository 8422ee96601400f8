"""The one-minute tour of the front page: what the commands below print, as an animated picture.

`python docs/_ext/tour.py` runs them in an empty folder and writes `docs/images/tour.svg`; a test compares the
two. Lines appear one after the other by CSS; where that is not to be had, all of them are there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "images" / "tour.svg"
_SCRIPT = """\
import headwater

with headwater.Headwater() as host:
    host.add_data_source("demo", type="testdata")
    with host.stream("demo", {"scenario": "streaming_rows", "rows": 1_000_000}) as rows:
        print(sum(batch.num_rows for batch in rows), "rows of Arrow,", rows.schema.names)
"""
FILES = {"orders.csv": "city,total\nZürich,120.5\nBern,80\nZürich,40\nChur,12\n", "count.py": _SCRIPT}
_SUMS = """\
headwater query files "SELECT city, sum(total) AS total
FROM file('orders.csv') GROUP BY city ORDER BY total DESC\""""
_JOIN = """\
headwater sql "SELECT o.city, o.total, round(avg(d.value), 1) AS mean
FROM files('SELECT city, sum(total) AS total FROM file(''orders.csv'') GROUP BY city') o
JOIN demo.streaming_rows d USING (city) GROUP BY ALL ORDER BY city\""""
STEPS = (
    ("A file, and an engine in the process: no server.", "cat orders.csv"),
    ("", "headwater ds add files --type clickhouse --url chdb:// --uid files"),
    ("", _SUMS),
    ("Another data source, and one SELECT over both.", "headwater ds add demo --type testdata --uid demo"),
    ("", _JOIN),
    ("The same from Python, streamed.", "cat count.py"),
    ("", "python count.py"),
)
_LINE, _TOP, _WIDTH = 19, 44, 860
_TYPED, _READ = 0.022, 0.35
"""Seconds for a character that is typed, and for a line that is read."""


def record() -> list[tuple[str, str]]:
    """Lines with what they are: note, command, output. Raises CalledProcessError for a command that fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).write_text(text)
        _run(folder, "headwater ds list")  # makes the data directory, and says where its new key is
        return [line for note, command in STEPS for line in _step(folder, note, command)]


def picture(lines: Sequence[tuple[str, str]]) -> str:
    """An SVG with a line of text for each."""
    height = _TOP + len(lines) * _LINE + 16
    texts = "\n".join(_texts(lines))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">
<title>A minute with Headwater</title>
<style>
text {{ font: 13.5px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
.output {{ fill: #d7dde5 }}
.note {{ fill: #8fa3b8 }}
.command {{ fill: #7ee2a8 }}
@keyframes show {{ from {{ opacity: 0 }} }}
@media (prefers-reduced-motion: no-preference) {{ text {{ animation: show 1ms backwards }} }}
</style>
<rect width="{_WIDTH}" height="{height}" rx="8" fill="#16202b"/>
<circle cx="22" cy="20" r="6" fill="#ff6058"/>
<circle cx="42" cy="20" r="6" fill="#ffbd2e"/>
<circle cx="62" cy="20" r="6" fill="#28c940"/>
{texts}
</svg>
"""


def _step(folder: Path, note: str, command: str) -> Iterator[tuple[str, str]]:
    if note:
        yield "note", f"# {note}"
    first, *more = command.split("\n")
    yield "command", f"$ {first}"
    yield from (("command", f">   {line}") for line in more)
    yield from (("output", line) for line in _run(folder, command).splitlines())
    yield "output", ""


def _run(folder: Path, command: str) -> str:
    programs = str(Path(sys.executable).parent)
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, check=True, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HEADWATER_DATA_DIR": str(folder / "data"), "COLUMNS": "100", "NO_COLOR": "1",
        },
    ).stdout  # fmt: skip


def _texts(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    after = 0.5
    for number, (kind, text) in enumerate(lines):
        after += len(text) * _TYPED if kind == "command" else _READ
        if text:
            place = f'x="20" y="{_TOP + (number + 1) * _LINE - 6}"'
            yield f'<text class="{kind}" {place} style="animation-delay: {after:.1f}s">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture(record()), encoding="utf-8")
