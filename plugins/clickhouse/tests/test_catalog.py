"""What an editor completes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from headwater import CallContext, Headwater
from headwater.errors import ValidationError
from servers.clickhouse import ClickHouseServer

AddSource = Callable[..., str]
TABLE = """
CREATE TABLE IF NOT EXISTS visits (
  at DateTime COMMENT 'when', host LowCardinality(String), m Map(String, String), d UInt8 DEFAULT 7
) ENGINE = MergeTree ORDER BY (host, at) PARTITION BY toYYYYMM(at) COMMENT 'one row per visit'
"""


@pytest.fixture(autouse=True)
def visits(server: ClickHouseServer) -> None:
    server.command(TABLE)
    server.command("TRUNCATE TABLE visits")
    server.command("INSERT INTO visits VALUES (1, 'a', {'os': 'x', 'lang': 'y'}, 1)")


def resource(host: Headwater, name: str, path: str, **query: str) -> Any:
    response = host.call_resource(name, path, query_string=urlencode(query))
    assert response.status == 200
    return json.loads(response.body)


def test_databases_are_listed(host: Headwater, add: AddSource) -> None:
    assert {"default", "system"} <= {row["name"] for row in resource(host, add(), "databases")}


def test_tables_come_with_engine_keys_and_comment(host: Headwater, add: AddSource) -> None:
    found = {row["name"]: row for row in resource(host, add(), "tables")}
    table = found["visits"]
    assert (table["engine"], table["sortingKey"], table["comment"]) == (
        "MergeTree",
        "host, at",
        "one row per visit",
    )
    assert table["rows"] == 1


@pytest.mark.parametrize(
    "query", [{"table": "visits"}, {"table": "default.visits"}, {"database": "default", "table": "visits"}]
)
def test_columns_come_with_types_comments_and_keys(
    host: Headwater, add: AddSource, query: dict[str, str]
) -> None:
    columns = {row["name"]: row for row in resource(host, add(), "columns", **query)}
    assert list(columns) == ["at", "host", "m", "d"]
    assert (columns["at"]["type"], columns["at"]["comment"], columns["at"]["isInSortingKey"]) == (
        "DateTime",
        "when",
        True,
    )
    assert (columns["d"]["defaultKind"], columns["d"]["defaultExpression"]) == ("DEFAULT", "7")


def test_columns_of_a_whole_database_are_told_apart_by_table(host: Headwater, add: AddSource) -> None:
    rows = resource(host, add(), "columns", database="system")
    assert {"one", "numbers", "tables"} <= {row["table"] for row in rows}


def test_functions_and_settings_are_listed(host: Headwater, add: AddSource) -> None:
    name = add()
    assert {"count", "toDateTime"} <= {row["name"] for row in resource(host, name, "functions")}
    assert {"max_threads", "readonly"} <= {row["name"] for row in resource(host, name, "settings")}


def test_keys_of_a_map_column_are_found(host: Headwater, add: AddSource) -> None:
    name = add()
    assert resource(host, name, "map-keys", table="visits", column="m") == ["lang", "os"]
    with pytest.raises(ValidationError):
        host.call_resource(name, "map-keys")


def test_lists_are_remembered_until_they_are_asked_for_anew(
    host: Headwater, add: AddSource, server: ClickHouseServer
) -> None:
    remembering, asking = add(), add(json_data={"enableSchemaCache": False})
    resource(host, remembering, "tables")
    server.command("CREATE TABLE IF NOT EXISTS newer (a Int8) ENGINE = Memory")
    assert "newer" not in {row["name"] for row in resource(host, remembering, "tables")}
    fresh = host.call_resource(remembering, "tables", context=CallContext(skip_cache=True))
    assert "newer" in {row["name"] for row in json.loads(fresh.body)}
    assert "newer" in {row["name"] for row in resource(host, asking, "tables")}
    server.command("DROP TABLE newer")


def test_names_from_outside_are_data(host: Headwater, add: AddSource) -> None:
    assert resource(host, add(), "columns", table="x' OR 1 = 1 --") == []
    assert resource(host, add(), "tables", database="`\\'") == []
