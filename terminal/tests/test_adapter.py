"""The adapter as Harlequin calls it: queries, limits, cancellation, errors, catalog, completion."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from harlequin.adapter import HarlequinAdapter
from harlequin.exception import HarlequinConfigError, HarlequinConnectionError, HarlequinQueryError

from headwater import Frame, Headwater
from headwater_harlequin import HeadwaterAdapter
from headwater_harlequin.catalog import SourceItem, quoted
from headwater_harlequin.cursor import short_type
from headwater_harlequin.host import HostLocation
from servers.http_host import admin_authenticator, run_host

if TYPE_CHECKING:
    from .conftest import Connect


def test_harlequin_finds_the_adapter_by_its_entry_point() -> None:
    [found] = entry_points(group="harlequin.adapter", name="headwater")
    assert found.load() is HeadwaterAdapter
    assert issubclass(HeadwaterAdapter, HarlequinAdapter)


def test_a_query_goes_to_the_data_source_in_its_own_language(connect: Connect) -> None:
    cursor = connect("demo").execute("streaming_rows")
    assert cursor is not None
    assert cursor.columns() == [("id", "##"), ("time", "ts"), ("city", "s"), ("value", "#.#")]
    table = cursor.set_limit(3).fetchall()
    assert table is not None
    assert table.column("city").to_pylist() == ["Zürich", "Genève", "Zürich"]


def test_a_query_object_is_written_as_json(connect: Connect) -> None:
    cursor = connect("demo").execute('{"scenario": "streaming_rows", "rows": 2}')
    assert cursor is not None
    table = cursor.fetchall()
    assert table is not None
    assert table.column("id").to_pylist() == [0, 1]


def test_a_limit_ends_an_answer_that_has_no_end(connect: Connect) -> None:
    cursor = connect("demo").execute("endless")
    assert cursor is not None
    table = cursor.set_limit(10_000).fetchall()
    assert table is not None
    assert table.num_rows == 10_000


def test_an_answer_without_rows_is_none(connect: Connect) -> None:
    cursor = connect("demo").execute('{"scenario": "streaming_rows", "rows": 0}')
    assert cursor is not None
    assert cursor.fetchall() is None


def test_without_a_data_source_queries_are_selects_over_all(connect: Connect) -> None:
    connection = connect()
    cursor = connection.execute(
        'SELECT d.city, count(*) AS n FROM demo.streaming_rows d JOIN "my shop".streaming_rows s USING (id) '
        "GROUP BY d.city ORDER BY n DESC, d.city LIMIT 1;"
    )
    assert cursor is not None
    assert cursor.columns() == [("city", "s"), ("n", "##")]
    assert cursor.fetchall() is not None


def test_use_changes_where_queries_go(connect: Connect) -> None:
    connection = connect("demo")
    assert connection.execute("USE `my shop`;") is None
    assert connection.source == "my shop"
    assert connection.execute("use") is None
    assert connection.source == ""
    with pytest.raises(HarlequinQueryError, match="nowhere"):
        connection.execute("use nowhere")


def test_cancel_ends_a_query_before_its_first_rows_and_between_them(connect: Connect) -> None:
    connection = connect("demo")
    threading.Timer(0.3, connection.cancel).start()
    assert connection.execute('{"scenario": "slow", "delayMs": 60000}') is None
    cursor = connection.execute("endless")
    assert cursor is not None
    threading.Timer(0.3, connection.cancel).start()
    assert cursor.fetchall() is None
    assert connection.execute("streaming_rows") is not None, "the connection is usable afterwards"


@pytest.mark.parametrize(
    ("query", "message", "title"),
    [
        ("no_such_scenario", "There is no scenario 'no_such_scenario'", "Headwater: caller error"),
        ('{"scenario": "streaming_rows", "rows": "many"}', "rows", "Headwater: caller error"),
    ],
)
def test_an_error_says_whose_fault_it_is(connect: Connect, query: str, message: str, title: str) -> None:
    with pytest.raises(HarlequinQueryError, match=message) as raised:
        connect("demo").execute(query)
    assert raised.value.title == title


def test_an_error_between_rows_is_an_error_too(connect: Connect) -> None:
    cursor = connect("demo").execute(
        '{"scenario": "streaming_rows", "rows": 200000, "failAfterRows": 100000}'
    )
    assert cursor is not None
    with pytest.raises(HarlequinQueryError):
        cursor.fetchall()


def test_the_catalog_has_all_data_sources_and_the_tables_of_the_one_in_use(connect: Connect) -> None:
    items = connect("demo").get_catalog().items
    assert [(each.label, each.type_label, each.type_name) for each in items] == [
        ("demo", "ds", "testdata"),
        ("my shop", "ds", "testdata"),
    ]
    demo, shop = items
    rows = next(each for each in demo.children if each.label == "streaming_rows")
    assert (rows.query_name, rows.qualified_identifier) == ("streaming_rows", '"demo"."streaming_rows"')
    assert not shop.children, "asked for when it is opened"
    assert isinstance(shop, SourceItem)
    tables = {each.label: each.query_name for each in shop.fetch_children()}
    assert tables["streaming_rows"] == '"my shop"."streaming_rows"'
    columns = rows.fetch_children()  # type: ignore[attr-defined]
    assert [(each.label, each.type_label, each.query_name) for each in columns] == [
        ("id", "##", "id"),
        ("time", "ts", "time"),
        ("city", "s", "city"),
        ("value", "#.#", "value"),
    ]


def test_data_sources_and_macros_complete(connect: Connect) -> None:
    completions = {each.label: each.type_label for each in connect("demo").get_completions()}
    assert completions["my shop"] == "ds"


def test_a_host_elsewhere_is_used_alike(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    from headwater_server.http import create_app

    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source("far", type="testdata")
        app = create_app(headwater, authenticator=authenticator)
        with run_host(app, admin) as host:
            monkeypatch.setenv("HEADWATER_TOKEN", host.admin)
            connection = connect("far", headwater_host=host.url)
            cursor = connection.execute("streaming_rows")
            assert cursor is not None
            table = cursor.set_limit(5).fetchall()
            assert table is not None
            assert table.num_rows == 5
            [far] = connection.get_catalog().items
            assert "streaming_rows" in [each.label for each in far.children]
            threading.Timer(0.5, connection.cancel).start()
            assert connection.execute('{"scenario": "slow", "delayMs": 60000}') is None
            connection.close()


def test_what_cannot_be_connected_to_says_why(tmp_path: Path, data_dir: Path) -> None:
    with pytest.raises(HarlequinConnectionError, match="there is no data directory"):
        HeadwaterAdapter((), data_dir=tmp_path / "none").connect()
    with pytest.raises(HarlequinConnectionError, match="nowhere"):
        HeadwaterAdapter(("nowhere",), data_dir=data_dir).connect()
    with pytest.raises(HarlequinConnectionError, match="cannot be read"):
        HeadwaterAdapter((), headwater_host="http://127.0.0.1:9", token_file=tmp_path / "none").connect()
    with pytest.raises(HarlequinConfigError, match="Name one data source"):
        HeadwaterAdapter(("demo", "my shop"))


def test_a_host_without_that_data_source_is_closed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    really_open = HostLocation.open

    def note_closing(self: HostLocation, closing: ExitStack) -> Headwater:
        closing.callback(closed.append, True)
        return really_open(self, closing)

    monkeypatch.setattr(HostLocation, "open", note_closing)
    with pytest.raises(HarlequinConnectionError):
        HeadwaterAdapter(("nowhere",), data_dir=data_dir).connect()
    assert closed == [True]


def test_the_connection_is_known_by_host_and_data_source(data_dir: Path) -> None:
    assert HeadwaterAdapter(("demo",), data_dir=data_dir).connection_id == f"headwater:{data_dir}:demo"


@pytest.mark.parametrize(
    ("kind", "short"),
    [
        (pa.bool_(), "t/f"),
        (pa.int64(), "##"),
        (pa.decimal128(9, 2), "#.#"),
        (pa.timestamp("ns", "UTC"), "ts"),
        (pa.date32(), "d"),
        (pa.binary(), "0b"),
        (pa.list_(pa.int8()), "[]"),
        (pa.struct({"a": pa.int8()}), "{}"),
        (pa.dictionary(pa.int8(), pa.string()), "s"),
    ],
)
def test_types_are_shown_in_a_few_letters(kind: pa.DataType, short: str) -> None:
    assert short_type(kind) == short
    assert Frame(pa.table({"a": pa.array([], kind)})).num_rows == 0


def test_a_quote_in_a_name_is_doubled() -> None:
    assert quoted('"', 'sh"op', "orders") == '"sh""op"."orders"'
    assert quoted("", "up") == "up"
