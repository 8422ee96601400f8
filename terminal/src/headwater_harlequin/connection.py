"""A connection: queries to a data source, or over all of them; what can be cancelled; the catalog."""

from __future__ import annotations

import json
import re
import threading
from contextlib import ExitStack
from typing import Any

from harlequin.autocomplete.completion import HarlequinCompletion
from harlequin.catalog import Catalog

from headwater import CallContext, Headwater
from headwater.errors import HeadwaterError, PluginRequestCanceledError
from headwater.frames import FrameStream, stream_chunks
from headwater_server.output.rows import rows_of

from .catalog import BrowsedConnection, SourceItem, browse
from .cursor import HeadwaterCursor
from .failures import query_error

__all__ = ["HeadwaterConnection"]

_USE = re.compile(r"\s*use(?:\s+(?P<name>.+?))?\s*;?\s*", re.IGNORECASE | re.DOTALL)
_QUOTES = "\"'`"


class HeadwaterConnection(BrowsedConnection):
    """Queries go to the data source `source`, or are SELECTs over all of them where it is empty.

    Raises DataSourceNotFoundError if there is none of that name. It takes over what `opened` closes, the host
    among it.
    """

    def __init__(
        self, headwater: Headwater, source: str, time_range: tuple[str, str], opened: ExitStack
    ) -> None:
        super().__init__()
        self.headwater = headwater
        self.source = headwater.data_source(source).name if source else ""
        self._from, self._to = time_range
        self._lock = threading.Lock()
        self._running: dict[CallContext, FrameStream | None] = {}
        self.init_message = self._where()
        self._opened = opened.pop_all()

    def execute(self, query: str) -> HeadwaterCursor | None:
        """None for `USE`, and for a query that was cancelled before its first rows."""
        if (use := _USE.fullmatch(query)) is not None:
            self._use((use["name"] or "").strip(_QUOTES))
            return None
        context = CallContext()
        with self._lock:
            self._running[context] = None
        try:
            rows = self._running[context] = self._rows(query, context)
        except PluginRequestCanceledError:
            self._end(context)
            return None
        except HeadwaterError as error:
            self._end(context)
            raise query_error(error) from error
        return HeadwaterCursor(rows, lambda: self._end(context))

    def cancel(self) -> None:
        """End all queries at their databases."""
        with self._lock:
            running = list(self._running)
        for context in running:
            context.cancel()

    def get_catalog(self) -> Catalog:
        """All data sources, with the tables of the one that is in use; the others wait to be opened."""
        try:
            stored = sorted(self.headwater.list_data_sources(), key=lambda each: each.name)
        except HeadwaterError as error:
            raise query_error(error) from error
        items = [SourceItem.of(self, each.name, each.type) for each in stored]
        for item in items:
            if item.label == self.source:
                item.children = list(item.fetch_children())
                item.loaded = True
        return Catalog(items=list(items))

    def get_completions(self) -> list[HarlequinCompletion]:
        """Data sources; macros and functions of the one that is in use."""
        names = [each.name for each in self.headwater.list_data_sources()]
        found = [HarlequinCompletion(name, "ds", name, 500) for name in names]
        if not self.source:
            return found
        info = self.headwater.plugin_info(self.headwater.data_source(self.source).type)
        found += [HarlequinCompletion(each.usage, "macro", each.usage, 600) for each in info.macros]
        functions = browse(self.headwater, self.source, "functions")
        unique = dict.fromkeys(str(each["name"]) for each in functions)
        return found + [HarlequinCompletion(name, "fn", name, 1000) for name in unique]

    def close(self) -> None:
        """End what runs, and close the host."""
        self.cancel()
        with self._lock:
            left = list(self._running.items())
        for context, rows in left:
            if rows is not None:
                rows.close()
            self._end(context)
        self._opened.close()

    def _use(self, name: str) -> None:
        try:
            self.source = self.headwater.data_source(name).name if name else ""
        except HeadwaterError as error:
            raise query_error(error) from error

    def _where(self) -> str:
        if self.source:
            return f"Queries go to {self.source}. USE another, or USE alone for SELECTs over all."
        return "Queries are SELECTs over all data sources: SELECT * FROM shop.orders. USE one of them."

    def _rows(self, text: str, context: CallContext) -> FrameStream:
        """The answer's rows, as they arrive. Raises HeadwaterError."""
        options: dict[str, Any] = {"from_": self._from, "to": self._to, "context": context}
        if not self.source:
            rows = self.headwater.sql_stream(text.strip().rstrip(";"), **options)
            return rows_of(stream_chunks(rows, "A"), context, lambda: None, keep_labels=True)
        chunks = self.headwater.query_chunks(self.source, _query_of(text), **options)
        return rows_of(chunks, context, lambda: None)

    def _end(self, context: CallContext) -> None:
        with self._lock:
            self._running.pop(context, None)
        context.close()


def _query_of(text: str) -> str | dict[str, Any]:
    """A query object where the text is one in JSON: plugins without a text key have no other."""
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except ValueError:
            return text
        if isinstance(value, dict):
            return value
    return text
