"""`KeptAnswer`: what is remembered of one question, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from attrs import define, field, frozen

if TYPE_CHECKING:
    from headwater.calls.context import QueryLimits
    from headwater.frames import CacheStatus, Frame
    from headwater.secrets.cipher import SecretCipher

    from .questions import Key, SourceVersion

__all__ = ["AnswerStore", "Hit", "KeptAnswer"]

_FRAME_BYTES = 2048
_COLUMN_BYTES = 512
"""What Python and Arrow take besides values and descriptions, about."""


@define(eq=False, weakref_slot=True)
class KeptAnswer:
    """Frames, and until when they are good. Times are seconds since 1970.

    `made` is since when they are known: callers with a stricter rule do not take them for as long.
    `covered` are the first and last point of time, in milliseconds, of an answer that later ones continue.
    `renderings` are its forms as hosts send them, by a name of theirs.
    """

    frames: tuple[Frame, ...]
    fresh_until: float
    stale_until: float
    covered: tuple[int, int] | None = None
    made: float | None = None
    renderings: dict[str, bytes] = field(factory=dict)
    _lengths: tuple[int, int] | None = None

    def fits(self, limits: QueryLimits) -> bool:
        """Whether a caller with these limits would have got all of it."""
        if self._lengths is None:
            rows = sum(frame.num_rows for frame in self.frames)
            self._lengths = rows, sum(frame.nbytes for frame in self.frames)
        return within(*self._lengths, limits)

    @property
    def rows(self) -> int:
        """Rows of all frames together."""
        return sum(frame.num_rows for frame in self.frames)

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return size_of(self.frames) + sum(len(data) for data in self.renderings.values())


@frozen
class Hit:
    """A kept answer, under `key`, to the query `ref_id` of `source`.

    The same query has this answer until `until`, if nothing changes; `is_anybodys`: for every caller.
    """

    key: Key
    ref_id: str
    answer: KeptAnswer
    status: CacheStatus
    source: SourceVersion
    until: float
    is_anybodys: bool


class AnswerStore(Protocol):
    """Where answers are kept. All methods are safe to call from several threads, and none of them fails:
    a store that cannot be reached has kept nothing."""

    @property
    def is_local(self) -> bool:
        """Whether it answers at once, from this process."""
        ...

    def seal_with(self, cipher: SecretCipher) -> None:
        """Encrypt what leaves this process by the keys of `cipher`."""
        ...

    def get(self, key: Key) -> KeptAnswer | None:
        """What is kept under `key` and is not past its time."""
        ...

    def put(self, key: Key, uid: str, answer: KeptAnswer) -> None:
        """Keep an answer of data source `uid` until it is stale, or until there is no room for it."""
        ...

    def discard(self, uid: str | None) -> None:
        """Forget the answers of a data source; of all, if None."""
        ...

    def close(self) -> None:
        """Let go of connections; safe to repeat."""
        ...


def size_of(frames: Iterable[Frame]) -> int:
    """Bytes that the frames hold, each buffer once though several frames be slices of it."""
    buffers: dict[int, int] = {}
    described = 0
    for frame in frames:
        schema = frame.table.schema
        described += _FRAME_BYTES + _COLUMN_BYTES * len(schema)
        for metadata in (schema.metadata, *(each.metadata for each in schema)):
            described += sum(len(key) + len(value) for key, value in (metadata or {}).items())
        for column in frame.table.columns:
            for chunk in column.chunks:
                for buffer in chunk.buffers():
                    if buffer is not None:
                        buffers[buffer.address] = max(buffer.size, buffers.get(buffer.address, 0))
                if hasattr(chunk, "dictionary"):
                    described += chunk.dictionary.get_total_buffer_size()
    return described + sum(buffers.values())


def within(rows: int, size: int, limits: QueryLimits) -> bool:
    """Whether so many rows and bytes are within the limits."""
    if limits.max_rows is not None and rows > limits.max_rows:
        return False
    return limits.max_bytes is None or size <= limits.max_bytes
