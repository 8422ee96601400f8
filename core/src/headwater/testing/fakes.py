"""A data source with answers of your own, for the tests of an application that embeds a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from headwater.errors import HeadwaterError, QueryError
from headwater.frames import Frame
from headwater.host import Headwater
from headwater.models import CheckHealthResult, DataResponse, PluginInfo, QueryDataRequest, QueryDataResponse
from headwater.plugins import hookimpl

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FakeSource", "fake_source"]

_OF_AN_ID = re.compile(r"[a-zA-Z0-9._-]+")

Answer: TypeAlias = "Frame | pa.Table | Sequence[Mapping[str, Any]] | HeadwaterError"
"""A frame, a table, or rows; or the error that the query ends with."""
Answers: TypeAlias = Mapping[str, Answer] | Callable[[Mapping[str, Any]], Answer]


def fake_source(headwater: Headwater, name: str, answers: Answers, *, text_key: str = "rawSql") -> FakeSource:
    """Add the data source `name` to `headwater`. It answers by a query's text, or as a function says.

    ```python
    shop = fake_source(headwater, "shop", {"SELECT count(*) AS n FROM orders": [{"n": 3}]})
    ```

    A text that has no answer is a QueryError which names it. The function gets the query object. `text_key`
    is the key of the text: that of the plugin which the fake stands for.
    """
    fits = _OF_AN_ID.fullmatch(name) is not None  # names may hold anything, ids of plugins not
    fake = FakeSource(f"fake-{name if fits else name.encode().hex()}", answers, text_key)
    headwater.add_plugin(fake.plugin_id, fake)
    headwater.add_data_source(name, type=fake.plugin_id)
    return fake


class FakeSource:
    """The plugin behind a fake data source. `queries` are the query objects that it got, in order."""

    def __init__(self, plugin_id: str, answers: Answers, text_key: str) -> None:
        self.plugin_id = plugin_id
        self.answers = answers
        self.queries: list[dict[str, Any]] = []
        self._text_key = text_key

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        """A name and the key of the text; any other key may be in a query."""
        return PluginInfo(self.plugin_id, name="Fake", query_text_key=self._text_key)

    @hookimpl
    def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
        """The answer to each query."""
        return QueryDataResponse({each.ref_id: self._response(dict(each.json)) for each in request.queries})

    @hookimpl
    def check_health(self) -> CheckHealthResult:
        """A fake is well."""
        return CheckHealthResult.ok("This is a fake.")

    def _response(self, query: dict[str, Any]) -> DataResponse:
        self.queries.append(query)
        answer = self._answer(query)
        if isinstance(answer, HeadwaterError):
            return DataResponse.from_error(answer)
        return DataResponse((_frame(answer),))

    def _answer(self, query: dict[str, Any]) -> Answer:
        if callable(self.answers):
            return self.answers(query)
        text = query.get(self._text_key, "")
        return self.answers.get(text, QueryError(f"The fake data source has no answer to {text!r}."))


def _frame(answer: Frame | pa.Table | Sequence[Mapping[str, Any]]) -> Frame:
    if isinstance(answer, Frame):
        return answer
    import pyarrow as pa

    return Frame(answer if isinstance(answer, pa.Table) else pa.Table.from_pylist(list(answer)))
