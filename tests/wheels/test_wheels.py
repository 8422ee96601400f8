"""Installed from an index, with no source in reach, everything works together."""

from __future__ import annotations

from built import ROOT, CleanEnvironment


def test_nothing_of_the_tree_is_in_reach(clean: CleanEnvironment) -> None:
    code = (
        "import headwater, headwater_server, headwater_testdata as t; print(headwater.__file__, t.__file__)"
    )
    assert str(ROOT) not in clean.run("python", "-c", code)


def test_a_query_works_from_the_wheels_alone(clean: CleanEnvironment) -> None:
    clean.run("headwater", "ds", "add", "demo", "--type", "testdata")
    printed = clean.run("headwater", "query", "demo", "streaming_rows", "--set", "rows=2", "-o", "csv")
    assert printed.splitlines() == [
        '"id","time","city","value"',
        '0,"2023-11-14T22:13:20.000Z","Zürich",89.39429202831845',
        '1,"2023-11-14T22:13:21.000Z","Genève",91.25972035944531',
    ]
    assert "testdata" in clean.run("headwater", "plugin", "list")


def test_the_three_lines_of_the_readme_work_from_the_wheels_alone(clean: CleanEnvironment) -> None:
    code = (
        "from headwater import Headwater\n"
        "with Headwater() as headwater:\n"
        "    headwater.add_data_source(name='demo', type='testdata')\n"
        "    print(headwater.query('demo', 'streaming_rows', max_rows=3).num_rows)\n"
    )
    assert clean.run("python", "-c", code).splitlines()[-1] == "3"
