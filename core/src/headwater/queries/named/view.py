"""What somebody sees of a named query's answer who may run it and not read it: the rows, not the question."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING

from attrs import evolve

from headwater.errors import (
    DeadlineExceededError,
    FrameError,
    HeadwaterError,
    HostExhaustedError,
    NamedQueryFailedError,
    PluginRequestCanceledError,
)
from headwater.models import DataResponse, QueryChunk, QueryDataResponse

from .model import NamedQuery

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.frames import FieldConfig, Frame

__all__ = ["RunnersView"]

_TOLD = (DeadlineExceededError, FrameError, HostExhaustedError, PluginRequestCanceledError)
_WORD = re.compile(r"[\w.:-]*")


class RunnersView:
    """For one answer. Of an error it leaves the status and whose fault it is; of a frame the columns, what
    type they make together, and that rows were cut off. What drivers note of a column's table is left out,
    and so are links into other data sources. A name that repeats the text of the query, as some data sources
    name a series without labels, becomes the title. Names of columns are part of the answer.
    """

    def __init__(self, named: NamedQuery) -> None:
        self._named = named
        self._title = named.title or named.id
        self._texts = {value for value in named.query.values() if isinstance(value, str)}

    def of_answer(self, answer: QueryDataResponse) -> QueryDataResponse:
        return QueryDataResponse({key: self._of_response(each) for key, each in answer.responses.items()})

    def of_chunks(self, chunks: Generator[QueryChunk, None, None]) -> Generator[QueryChunk, None, None]:
        """Close the generator to end the query."""
        try:
            for chunk in chunks:
                frame = None if chunk.frame is None else self.of_frame(chunk.frame)
                error = None if chunk.error is None else self.of_error(chunk.error)
                yield evolve(chunk, frame=frame, error=error)
        finally:
            chunks.close()

    def of_error(self, error: HeadwaterError) -> HeadwaterError:
        if isinstance(error, _TOLD):
            return error
        failed = NamedQueryFailedError(
            f"The named query {self._named.id!r} failed ({error.message_id}); those who may read it see why.",
            status=error.status,
            source=error.source,
            retryable=error.retryable,
        )
        failed.__cause__ = error
        return failed

    def of_frame(self, frame: Frame) -> Frame:
        from headwater.frames import FrameMeta
        from headwater.frames.meta import LIMITED_TO

        meta = frame.meta
        if meta is not None:
            if meta.executed_query_string:
                self._texts.add(meta.executed_query_string)
            meta = FrameMeta(
                type=meta.type,
                type_version=meta.type_version,
                notices=tuple(each for each in meta.notices if each.text.startswith(LIMITED_TO)),
                preferred_visualisation_type=meta.preferred_visualisation_type,
                data_topic=meta.data_topic,
                unique_row_id_fields=meta.unique_row_id_fields,
            )
        table = _without_origin(frame.table)
        shown = frame.with_(table=table, meta=meta, name=self._told(frame.name))
        configs = {
            field.name: told
            for field in frame.fields
            if field.config is not None and (told := self._of_config(field.config)) != field.config
        }
        return shown.with_configs(configs)

    def _of_config(self, config: FieldConfig) -> FieldConfig:
        links = tuple(link for link in config.links if link.internal is None)
        return evolve(
            config,
            path="",
            custom=None,
            links=links,
            display_name=self._told(config.display_name),
            display_name_from_ds=self._told(config.display_name_from_ds),
            description=self._told(config.description),
        )

    def _of_response(self, response: DataResponse) -> DataResponse:
        error = None if response.error is None else self.of_error(response.error)
        return evolve(response, frames=tuple(map(self.of_frame, response.frames)), error=error)

    def _told(self, name: str) -> str:
        return self._title if self._repeats(name) else name

    def _repeats(self, name: str) -> bool:
        return not _WORD.fullmatch(name) and any(name in text for text in self._texts)


def _without_origin(table: pa.Table) -> pa.Table:
    """`table` without metadata that is neither Grafana's nor part of a type: drivers write there which tables
    and databases columns are from."""
    import pyarrow as pa

    from headwater.frames.schema import CONFIG, DESCRIBED, LABELS, TS_TYPE

    def kept(key: bytes) -> bool:
        return key in (LABELS, CONFIG, TS_TYPE) or key.startswith(b"ARROW:extension:")

    noted = (table.schema.metadata or {}).keys() - set(DESCRIBED)
    if not noted and all(kept(key) for field in table.schema for key in field.metadata or ()):
        return table
    fields = [
        field.with_metadata({key: value for key, value in (field.metadata or {}).items() if kept(key)})
        for field in table.schema
    ]
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))
