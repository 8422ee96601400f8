"""What a type checker knows of named queries."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from mypy import api

from headwater.queries import QueryOptions
from headwater.queries.named import NamedQuery, Parameter, ParameterType, stubs_of

QUERIES = [
    NamedQuery(
        id="revenue",
        title='Revenue """ of \\ a day',
        data_source="shop",
        query={"rawSql": "SELECT :day, :region"},
        parameters=(
            Parameter(name="day", type=ParameterType.TIME),
            Parameter(name="region", type=ParameterType.CHOICE, choices=("north", "south"), default="north"),
            Parameter(name="ids", type=ParameterType.INTEGER, is_list=True, default=[]),
        ),
    ),
    NamedQuery(id="hello-world", data_source="shop", query={}),
    NamedQuery(id="odd", data_source="shop", query={}, parameters=(Parameter(name="class"),)),
]
PROGRAM = """
from typing import cast

from headwater import AsyncHeadwater, Frame, Headwater
from queries import AsyncQueries, Queries

queries = cast(Queries, Headwater())
right: list[Frame] = [
    queries.run("revenue", day="now-1d", region="south", ids=[1], max_rows=5),
    queries.run("revenue", day="now-1d"),
    queries.run("hello-world", from_="now-1h"),
    queries.run("odd", {"class": "a"}),
]

async def ask(several: AsyncQueries) -> Frame:
    return await several.run("hello-world")

queries.run("revenue")
queries.run("revenue", day="now", region="west")
queries.run("revenue", day="now", ids=["a"])
queries.run("hello-world", day="now")
queries.run("unknown")
"""


def declare_headwater(folder: Path) -> None:
    """What the module imports, without all that is behind it: reading that takes a checker half a minute."""
    package = folder / "headwater"
    package.mkdir()
    hosts = ["Frame", "Headwater", "AsyncHeadwater"]
    (package / "__init__.pyi").write_text("".join(f"class {name}: ...\n" for name in hosts))
    options = "".join(f"    {name}: Any\n" for name in QueryOptions.__annotations__)
    (package / "queries.pyi").write_text(
        f"from typing import Any, TypedDict\nclass QueryOptions(TypedDict, total=False):\n{options}"
    )


def test_a_checker_knows_each_query_and_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_headwater(tmp_path)
    (tmp_path / "queries.py").write_text(stubs_of(QUERIES))
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYPYPATH", os.pathsep.join(["."]))
    said, problems, _ = api.run(
        [
            "--strict",
            "--config-file=",
            "--follow-imports=silent",
            "--no-error-summary",
            "program.py",
            "queries.py",
        ]
    )
    assert problems == ""
    lines = [line.split(":")[:2] for line in said.splitlines() if ": error: " in line]
    first = PROGRAM.splitlines().index('queries.run("revenue")') + 1
    assert lines == [["program.py", str(first + number)] for number in range(5)], said


def test_without_named_queries_there_is_nothing_to_run() -> None:
    assert "class Queries(Protocol):\n    ..." in stubs_of([])


@pytest.mark.parametrize("name", ["class", "self", "named_query", "options", "__debug__", "values", "_"])
def test_any_name_and_any_text_make_a_module(name: str) -> None:
    hostile = '"""\n\\"\n    import os # \u2028'
    parameter = Parameter(name=name, type=ParameterType.CHOICE, choices=(hostile, 1, True))
    query = NamedQuery(id="q", title=hostile, data_source="shop", query={}, parameters=(parameter,))
    (protocol, _) = (each for each in ast.parse(stubs_of([query])).body if isinstance(each, ast.ClassDef))
    (run,) = protocol.body
    assert isinstance(run, ast.FunctionDef)
    assert ast.get_docstring(run, clean=False) == hostile
    compile(stubs_of([query]), "queries.py", "exec")
