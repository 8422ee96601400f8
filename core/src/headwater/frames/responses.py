"""Answers made of frames: one outcome for each ref id, whole or in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import field, frozen

from headwater.errors import ErrorSource, HeadwaterError, describe

if TYPE_CHECKING:
    from .frame import Frame

__all__ = ["CacheStatus", "DataResponse", "QueryChunk", "QueryDataResponse"]


class CacheStatus(StrEnum):
    """How much of an answer was remembered."""

    HIT = "hit"
    STALE = "stale"
    """All, though it is older than it should be; a new one is being fetched."""
    PARTIAL = "partial"
    MISS = "miss"


@frozen
class DataResponse:
    """The outcome of one ref id: frames, or an error, or both (partial results).

    `cache` is None where no answer is remembered.
    """

    frames: tuple[Frame, ...] = ()
    error: HeadwaterError | None = None
    status: int = 200
    error_source: ErrorSource | None = None
    cache: CacheStatus | None = None

    @classmethod
    def from_error(cls, error: BaseException, frames: Iterable[Frame] = ()) -> DataResponse:
        """A response that carries `error`, with the status and source the error knows of itself."""
        described = describe(error)
        return cls(
            frames=tuple(frames), error=described, status=described.status, error_source=described.source
        )


@frozen
class QueryDataResponse:
    """One outcome per ref id."""

    responses: Mapping[str, DataResponse] = field(factory=dict)


@frozen
class QueryChunk:
    """One piece of a streamed answer: the next rows of frame `frame_id` of `ref_id`, or that ref id's error.

    Chunks with the same `ref_id` and `frame_id` have one schema; their rows are appended. What comes up only
    after rows have been sent follows as frame `frame_id` with `-notices` behind: meta and no fields. The
    first chunk of a ref id has its `cache`, as a `DataResponse` has.
    """

    ref_id: str
    frame_id: str = "0"
    frame: Frame | None = None
    error: HeadwaterError | None = None
    cache: CacheStatus | None = None

    @staticmethod
    def notices_id(frame_id: str) -> str:
        """The frame id of the late notices of frame `frame_id`."""
        return f"{frame_id}-notices"

    def belongs_to(self, first: QueryChunk) -> bool:
        """Whether this is a piece of the frame that `first` is of, its late notices included."""
        return self.ref_id == first.ref_id and self.frame_id in (
            first.frame_id,
            self.notices_id(first.frame_id),
        )
