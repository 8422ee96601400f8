"""`%load_ext headwater`, in a shell as notebooks have it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from headwater import Frame, Headwater, hookimpl
from headwater.models import CallResourceResponse
from headwater.testing import fake_source


@pytest.fixture
def shell() -> Iterator[Any]:
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "headwater")
    yield made
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def host(shell: Any) -> Iterator[Headwater]:
    with Headwater(allow_plugins=["testdata"]) as headwater:
        headwater.add_data_source("demo", type="testdata")
        shell.user_ns["host"] = headwater
        yield headwater


def ask(shell: Any, line: str, cell: str) -> Any:
    return shell.run_cell_magic("headwater", line, cell)


CSV = '{"scenario": "csv", "csvContent": "city,people\\nBern,134794\\n"}'


def test_a_cell_asks_and_shows_a_table(shell: Any, host: Headwater) -> None:
    answer = ask(shell, "demo", CSV)
    assert answer.to_pylist() == [{"city": "Bern", "people": 134794}]
    assert "Bern" in answer._repr_html_()
    assert ask(shell, "demo --max-rows 5", "streaming_rows").num_rows == 5
    assert ask(shell, "demo --from 2026-01-01T00:00:00Z --to 2026-01-01T01:00:00Z", "random_walk").num_rows


@pytest.mark.parametrize(
    ("form", "kind"),
    [("frame", Frame), ("arrow", pa.Table), ("pandas", pd.DataFrame), ("polars", pl.DataFrame)],
)
def test_an_answer_becomes_what_one_works_with(shell: Any, host: Headwater, form: str, kind: type) -> None:
    assert ask(shell, f"demo --as {form} -o kept", CSV) is None
    assert isinstance(shell.user_ns["kept"], kind)


def test_parameters_are_those_in_a_variable(shell: Any, host: Headwater) -> None:
    shop = fake_source(host, "shop", {"SELECT ?": [{"n": 3}]})
    shell.user_ns["given"] = [3]
    assert ask(shell, "shop --params given", "SELECT ?").to_pylist() == [{"n": 3}]
    assert shop.queries[0]["params"] == [3]


def test_a_cell_that_is_no_json_is_a_text_also_in_braces(shell: Any, host: Headwater) -> None:
    selector = '{job="api"}'
    fake_source(host, "metrics", {selector: [{"value": 1}]}, text_key="expr")
    assert ask(shell, "metrics", selector).num_rows == 1


def test_a_query_that_takes_a_while_says_how_far_it_is(
    shell: Any, host: Headwater, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = '{"scenario": "streaming_rows", "rows": 5000, "batchRows": 1000, "delayMs": 300}'
    assert ask(shell, "demo", slow).num_rows == 5000
    assert capsys.readouterr().out.count("000 of 5,000 rows read") >= 2


def test_data_sources_are_listed_and_completed(shell: Any, host: Headwater) -> None:
    assert shell.run_line_magic("headwater", "").to_pylist() == [{"name": "demo", "type": "testdata"}]
    assert "demo" in completed(shell, "%%headwater de")


def test_tables_and_columns_are_completed_in_a_cell(shell: Any, host: Headwater) -> None:
    assert "random_walk" in completed(shell, "%%headwater demo\nrandom")
    assert "city" in completed(shell, "%%headwater demo\nstreaming_rows cit")


class Listing:
    """Its resources are what the test says, whatever is asked for."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    @hookimpl
    def call_resource(self) -> Iterator[CallResourceResponse]:
        yield CallResourceResponse(body=self.body)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'["orders", 7, null]', ["orders"]),
        (b'[{"name": "orders"}, {"name": 7}, {}]', ["orders"]),
        (b'{"orders": 1}', []),
        (b"orders", []),
    ],
    ids=["texts", "objects with names", "no list", "no JSON"],
)
def test_of_what_a_plugin_lists_the_names_are_completed(
    shell: Any, host: Headwater, body: bytes, found: list[str]
) -> None:
    host.add_plugin("listing", Listing(body))
    host.add_data_source("shop", type="listing")
    listed = {"orders", "7", "name"}  # IPython adds words of Python
    assert [each for each in completed(shell, "%%headwater shop\n") if each in listed] == found


def test_only_questions_to_a_data_source_that_there_is_are_completed(shell: Any, host: Headwater) -> None:
    assert "random_walk" not in completed(shell, "%%headwater nothing\nrandom")
    assert "demo" not in completed(shell, "de")
    del shell.user_ns["host"]
    assert "demo" not in completed(shell, "%%headwater de")


def test_a_name_with_blanks_stands_in_quotes(shell: Any, host: Headwater) -> None:
    host.add_data_source("my data", type="testdata")
    assert ask(shell, '"my data"', CSV).num_rows == 1
    assert ask(shell, "'my data' --max-rows 5", "streaming_rows").num_rows == 5
    assert "random_walk" in completed(shell, '%%headwater "my data"\nrandom')


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%headwater demo\nnope", "QueryError: There is no scenario 'nope'"),
        ("%%headwater dem\nx", "DataSourceNotFoundError: There is no data source 'dem'"),
        ("%%headwater demo --from soon\nno_data", "ValidationError: invalid time 'soon'"),
        ("%%headwater demo --params nope\nno_data", "UsageError: There is no variable nope"),
        ("%%headwater demo -o 1st\nno_data", "UsageError: 1st is no name of a variable"),
    ],
)
def test_a_wrong_question_is_answered_by_a_sentence(
    shell: Any, host: Headwater, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    assert shell.run_cell(cell).error_in_exec is not None
    told = capsys.readouterr()
    (line,) = (told.out + told.err).strip().splitlines()
    assert line.startswith(said)


def test_a_bug_is_shown_with_its_frames(
    shell: Any, host: Headwater, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell('%%headwater demo\n{"scenario": "error", "error": "bug"}')
    assert "Traceback" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"n": [1]}, "needs a column of times"),
        ({"day": [date(2026, 1, 1)], "city": ["Bern"]}, "needs a column of numbers"),
        ({"day": [date(2026, 1, 1)], **{f"n{i}": [i] for i in range(51)}}, "50 lines at most.* has 51"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    shell: Any, host: Headwater, rows: dict[str, list[Any]], said: str
) -> None:
    fake_source(host, "shop", {"SELECT": pa.table(rows)})
    with pytest.raises(UsageError, match=said):
        ask(shell, "shop --plot", "SELECT")


def test_several_frames_are_all_shown_or_kept(
    shell: Any, host: Headwater, capsys: pytest.CaptureFixture[str]
) -> None:
    several = '{"scenario": "random_walk", "seriesCount": 2}'
    assert ask(shell, "demo", several) is None
    shown = capsys.readouterr().out
    assert "walk-0" in shown
    assert "walk-1" in shown
    ask(shell, "demo --as arrow -o kept", several)
    assert [type(each) for each in shell.user_ns["kept"]] == [pa.Table, pa.Table]


def plot(shell: Any, line: str, cell: str) -> Any:
    mpl.use("agg")
    axes = ask(shell, line, cell)
    plt.close(axes.figure)
    return axes


def test_a_plot_has_a_line_for_each_frame(shell: Any, host: Headwater) -> None:
    axes = plot(shell, "demo --plot", '{"scenario": "random_walk", "seriesCount": 2, "seed": 1}')
    assert len({tuple(line.get_ydata()) for line in axes.get_lines()}) == 2


def test_a_plot_of_rows_by_day_and_text_has_a_line_for_each_text(shell: Any, host: Headwater) -> None:
    """As SQL and PromQL give them: dates, decimals and the long layout."""
    days = [date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 2)]
    sums = [Decimal("1.5"), Decimal(5), None, Decimal(6)]
    rows = pa.table({"day": days, "city": ["Bern", "Chur", "Bern", "Chur"], "sum": sums})
    fake_source(host, "shop", {"SELECT": rows})
    axes = plot(shell, "shop --plot", "SELECT")
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert [lines["Chur"], lines["Bern"][0], len(lines)] == [[5.0, 6.0], 1.5, 2]


def test_what_completes_stays_what_was_meant(shell: Any, host: Headwater) -> None:
    host.add_data_source("my data", type="testdata")
    assert '"my data"' in completed(shell, "%%headwater my")
    assert "my data" in completed(shell, '%%headwater "my')
    assert "s.city" in completed(shell, "%%headwater demo\nstreaming_rows s.cit")


def completed(shell: Any, text: str) -> list[str]:
    with provisionalcompleter():
        return [each.text for each in shell.Completer.completions(text, len(text))]


def test_which_host_is_said_where_it_is_not_clear(shell: Any) -> None:
    with pytest.raises(UsageError, match="Say which host"):
        ask(shell, "demo", CSV)
    with Headwater(allow_plugins=["testdata"]) as one, Headwater(allow_plugins=["testdata"]) as other:
        for headwater in (one, other):
            headwater.add_data_source("demo", type="testdata")
        shell.user_ns |= {"one": one, "other": other, "same": one}
        with pytest.raises(UsageError, match="there are 2"):
            ask(shell, "demo", CSV)
        shell.run_line_magic("headwater", "use other")
        assert ask(shell, "demo", CSV).num_rows == 1
        with pytest.raises(UsageError, match="no Headwater"):
            shell.run_line_magic("headwater", "use nothing")
        with pytest.raises(UsageError, match="%headwater connect URL, or %headwater use VARIABLE"):
            shell.run_line_magic("headwater", "help")


def test_a_host_elsewhere_needs_a_token(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_TOKEN", raising=False)
    with pytest.raises(UsageError, match="HEADWATER_TOKEN"):
        shell.run_line_magic("headwater", "connect https://example.com")
    monkeypatch.setenv("HEADWATER_TOKEN", "t")
    shell.run_line_magic("headwater", "connect https://example.com")


STOPPED = """
import os, signal, threading
from IPython.core.interactiveshell import InteractiveShell
from headwater import Headwater

shell = InteractiveShell()
shell.run_line_magic("load_ext", "headwater")
host = shell.user_ns["host"] = Headwater(allow_plugins=["testdata"])
host.add_data_source("demo", type="testdata")
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
shell.run_cell('%%headwater demo\\n{"scenario": "slow", "delayMs": 300000}')
host.close()
"""


def test_the_stop_button_ends_the_query() -> None:
    """In a process of its own, as a kernel is; the query would outlast the time that this has."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPED], check=False, capture_output=True, text=True, timeout=40
    )
    assert done.stdout.split("\n")[-2:] == ["KeyboardInterrupt: the query was cancelled", ""], done.stderr
