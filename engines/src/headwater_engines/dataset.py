"""A query as an Arrow dataset: for DuckDB, and whatever else scans those. Needs pyarrow only.

```python
shop = dataset(headwater, "shop", "SELECT * FROM orders")
duckdb.sql("SELECT city, count(*) FROM shop WHERE id > 1000 GROUP BY city")
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Unpack

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from headwater import Filter, Headwater
from headwater.queries import QueryOptions

from .local import read_side_by_side

__all__ = ["HeadwaterDataset", "dataset", "filters_of"]

_PARTS = 8
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARISON = re.compile(
    r"\((?P<column>[A-Za-z_][A-Za-z0-9_]*) (?P<operator>==|!=|<=|>=|<|>) "
    r"(?:(?P<integer>-?\d+)|\"(?P<text>[A-Za-z0-9_ .:/-]*)\""
    r"|(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?Z?))\)"
)


def dataset(
    headwater: Headwater,
    data_source: str,
    query: str | Mapping[str, Any] = "",
    *,
    target: int = _PARTS,
    **options: Unpack[QueryOptions],
) -> HeadwaterDataset:
    """`query` as a dataset that is read anew by each scan, in about `target` parts; options as for
    `Headwater.query`. Plans once to know its schema; raises what `Headwater.read_tasks` raises."""
    return HeadwaterDataset(headwater, data_source, query, target, options)


class HeadwaterDataset(pyarrow.dataset.Dataset):  # type: ignore[misc]
    """Columns and the filters that the data source applies exactly are read from it alone; each scan applies
    all of its filter to what comes."""

    def __init__(
        self,
        headwater: Headwater,
        data_source: str,
        query: str | Mapping[str, Any],
        target: int,
        options: QueryOptions,
    ) -> None:
        self._headwater = headwater
        self._asked = data_source, query
        self._target = target
        self._options = options
        self._schema = headwater.read_tasks(*self._asked, target=1, **options).schema

    @property
    def schema(self) -> pa.Schema:
        """Of a scan of all columns."""
        return self._schema

    def scanner(
        self,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,  # noqa: A002
        **_: Any,
    ) -> pyarrow.dataset.Scanner:
        """A scan; options for files are passed over."""
        tasks = self._headwater.read_tasks(
            *self._asked,
            target=self._target,
            columns=None if columns is None else [*columns, *self._named_in(filter, besides=columns)],
            filters=filters_of(filter, self._schema),
            **self._options,
        )
        batches = read_side_by_side(self._headwater, tasks)
        return pyarrow.dataset.Scanner.from_batches(
            batches, schema=tasks.schema, columns=columns, filter=filter
        )

    def _named_in(self, expression: pc.Expression | None, besides: list[str]) -> list[str]:
        """The columns that `expression` may read: those whose name is anywhere in its text."""
        text = "" if expression is None else str(expression)
        return [name for name in self._schema.names if name in text and name not in besides]


def filters_of(expression: pc.Expression | None, schema: pa.Schema) -> Sequence[Filter]:
    """Conditions that hold for every row that `expression` lets through: the comparisons among the terms of
    its conjunction, as far as their text can be read without doubt."""
    if expression is None or not all(_NAME.fullmatch(name) for name in schema.names):
        return ()
    return [each for each in _terms(str(expression)) if each.column in schema.names]


def _terms(text: str) -> list[Filter]:
    if match := _COMPARISON.fullmatch(text):
        return [_comparison(match)]
    split = _conjunction(text)
    return [] if split is None else [*_terms(split[0]), *_terms(split[1])]


def _conjunction(text: str) -> tuple[str, str] | None:
    """Both sides of `(… and …)`; None for anything else, and for texts with escapes in them."""
    if not text.startswith("(") or "\\" in text:
        return None
    depth, quoted = 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "()[]{}":
            depth += 1 if character in "([{" else -1
        if depth == 1 and not quoted and text.startswith(" and ", position):
            return text[1:position], text[position + 5 : -1]
    return None


def _comparison(match: re.Match[str]) -> Filter:
    operator: Any = {"==": "="}.get(match["operator"], match["operator"])
    value: Any
    if match["integer"] is not None:
        value = int(match["integer"])
    elif match["text"] is not None:
        value = match["text"]
    else:
        moment = datetime.fromisoformat(match["time"].removesuffix("Z"))
        value = moment.replace(tzinfo=UTC) if match["time"].endswith("Z") else moment
    return Filter(match["column"], operator, value)
