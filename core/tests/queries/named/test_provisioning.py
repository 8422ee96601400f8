"""Named queries from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater import Headwater
from headwater.datasources import read_plan
from headwater.errors import ValidationError
from headwater.queries.named import apply_named_queries, read_named_queries

FILE = """
namedQueries:
  - id: revenue
    title: Revenue
    datasource: shop
    query:
      sql: SELECT $__timeGroup(day, 1d), region FROM orders WHERE region = :region
    parameters:
      - {name: region, type: text, pattern: "[a-z]+"}
  - id: staff
    datasource: {uid: shop}
    query: {sql: SELECT 1}
    editable: true
"""


def write(folder: Path, text: str) -> list[Path]:
    (folder / "queries.yaml").write_text(text)
    return [folder]


def test_files_bring_the_store_to_what_they_say(host: Headwater, tmp_path: Path) -> None:
    plan = read_named_queries(write(tmp_path, FILE))
    assert apply_named_queries(host.named_queries, plan).added == ("revenue", "staff")
    assert apply_named_queries(host.named_queries, plan).unchanged == ("revenue", "staff")
    revenue, staff = host.named_queries.list()
    assert (revenue.read_only, revenue.updated_by, staff.read_only) == (True, "provisioning", False)
    assert "$__timeGroup" in revenue.query["sql"]
    changed = read_named_queries(write(tmp_path, FILE.replace("SELECT 1", "SELECT 2")))
    assert apply_named_queries(host.named_queries, changed).updated == ("staff",)


def test_a_query_goes_when_its_file_says_so(host: Headwater, tmp_path: Path) -> None:
    apply_named_queries(host.named_queries, read_named_queries(write(tmp_path, FILE)))
    gone = read_named_queries(write(tmp_path, "deleteNamedQueries: [staff, {id: nobody}]\nprune: true"))
    assert apply_named_queries(host.named_queries, gone).deleted == ("staff", "revenue")
    assert host.named_queries.list() == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: text", "type: colour", "8:7: namedQueries[0].parameters[0].type: a type is one of"),
        (
            "title: Revenue",
            "tilte: Revenue",
            "4:12: namedQueries[0].tilte: unknown key; did you mean 'title'?",
        ),
        ("id: staff", "id: revenue", "id revenue is given already at"),
        ("- id: staff", "- ids: staff", "unknown key; did you mean 'id'?"),
        ('pattern: "[a-z]+"', "minimum: 1", "namedQueries[0].parameters[0].minimum: a text has no minimum"),
        ("{sql: SELECT 1}", "{sqll: SELECT 1}", "namedQueries[1].query.sqll: unknown key"),
        ("{uid: shop}", "{uid: elsewhere}", "namedQueries[1]: "),
        (FILE, "namedQueries: {id: revenue}", "1:15: namedQueries: a list is expected"),
        (FILE, "deleteNamedQueries: [{name: x}]", "1:22: deleteNamedQueries[0]: a deletion needs an id"),
        (FILE, "deleteNamedQueries: ['']", "1:22: deleteNamedQueries[0]: a deletion needs an id"),
    ],
)
def test_a_fault_is_told_with_its_place_and_nothing_is_written(
    host: Headwater, tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in FILE
    with pytest.raises(ValidationError) as caught:
        apply_named_queries(host.named_queries, read_named_queries(write(tmp_path, FILE.replace(old, new))))
    assert message.partition(": ")[2] in str(caught.value)
    assert str(tmp_path / "queries.yaml") in str(caught.value)
    assert host.named_queries.list() == []


def test_a_file_that_is_no_object_has_no_named_queries_and_is_a_fault_of_the_data_sources(
    tmp_path: Path,
) -> None:
    files = write(tmp_path, "- id: revenue")
    assert read_named_queries(files).queries == ()
    with pytest.raises(ValidationError, match=r"queries\.yaml"):
        read_plan(files)


def test_one_file_holds_data_sources_and_named_queries(tmp_path: Path) -> None:
    both = f"datasources: [{{name: shop, type: mysql}}]\n{FILE}"
    assert len(read_plan(write(tmp_path, both)).data_sources) == 1
    assert len(read_named_queries([tmp_path]).queries) == 2
