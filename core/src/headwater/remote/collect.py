"""From the chunks of an answer to whole frames, within limits."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

import pyarrow as pa
from attrs import define, field

from headwater.calls.context import QueryLimits
from headwater.errors import HeadwaterError
from headwater.frames import Frame, Notice
from headwater.frames.limits import within_limits
from headwater.models import DataResponse, QueryChunk, QueryDataResponse
from headwater.queries.request import MetricQuery


@define
class _Outcome:
    """What has come of one ref id."""

    limits: QueryLimits
    pieces: dict[str, list[Frame]] = field(factory=dict)
    error: HeadwaterError | None = None
    rows: int = 0
    bytes: int = 0
    full: bool = False

    def add(self, chunk: QueryChunk) -> None:
        self.error = self.error or chunk.error
        if chunk.frame is not None and not self.full:
            self.pieces.setdefault(chunk.frame_id, []).append(self._within_limits(chunk.frame))

    def _within_limits(self, frame: Frame) -> Frame:
        most, size = self.limits.max_rows, self.limits.max_bytes
        batches = []
        for batch, limit in within_limits(
            frame.table.to_batches(),
            None if most is None else most - self.rows,
            None if size is None else size - self.bytes,
        ):
            batches.append(batch)
            if limit:
                self.full = True
                total = self.rows + sum(each.num_rows for each in batches)
                frame = frame.with_notice(Notice.of_limit(total, limit))
        kept = frame.with_(table=pa.Table.from_batches(batches, frame.table.schema)) if self.full else frame
        self.rows, self.bytes = self.rows + kept.num_rows, self.bytes + kept.nbytes
        return kept

    def response(self) -> DataResponse:
        suffix = QueryChunk.notices_id("")
        frames = [
            _joined(pieces, self.pieces.get(QueryChunk.notices_id(frame_id), ()))
            for frame_id, pieces in self.pieces.items()
            if not frame_id.endswith(suffix)
        ]
        if self.error is not None:
            return DataResponse.from_error(self.error, frames)
        return DataResponse(tuple(frames))


def _joined(pieces: Sequence[Frame], late: Sequence[Frame]) -> Frame:
    """One frame of the rows of all; `late` has notices that came up on the way."""
    first, last = pieces[0], pieces[-1]
    table = first.table if len(pieces) == 1 else pa.concat_tables([each.table for each in pieces])
    notices = [*last.notices[len(first.notices) :], *(each for frame in late for each in frame.notices)]
    return first.with_(table=table).with_notice(*notices)


def collect(
    queries: Sequence[MetricQuery], chunks: Generator[QueryChunk, None, None], limits: QueryLimits
) -> QueryDataResponse:
    """The outcomes of `queries` in their order; those that are skipped have none.

    Stops reading, which ends the queries, when every outcome has as many rows or bytes as `limits` allow.
    """
    found: dict[str, _Outcome] = {}
    with closing(chunks):
        for chunk in chunks:
            found.setdefault(chunk.ref_id, _Outcome(limits)).add(chunk)
            if len(found) == len(queries) and all(each.full for each in found.values()):
                break
    order = [each.query.ref_id for each in queries]
    return QueryDataResponse({ref: found[ref].response() for ref in order if ref in found})
