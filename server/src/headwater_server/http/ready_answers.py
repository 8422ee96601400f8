"""`ReadyAnswers`: requests that were answered from memory a moment ago, by their bytes.

A dashboard that many look at, and a service that polls, send the same bytes again: then nothing has to be
read, and the answer is joined from what lies ready.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from headwater.queries import Hit, KeptAnswer

if TYPE_CHECKING:
    from headwater import Headwater

_MOST_REQUESTS = 512
_MOST_BYTES = 8192
"""Of a request; larger ones are rare, and are read."""


@frozen
class _Part:
    """One query of a request. Only the cache itself keeps the answer alive: it has the bound."""

    source: Any
    key: Any
    answer: weakref.ref[KeptAnswer]
    rendering: str


@frozen
class _Request:
    parts: tuple[_Part, ...]
    until: float
    rows: Mapping[str, int]

    @property
    def uids(self) -> list[str]:
        return [part.source.uid for part in self.parts]


class ReadyAnswers:
    """Used from one event loop."""

    def __init__(self, headwater: Headwater) -> None:
        self._headwater = headwater
        self._requests: OrderedDict[bytes, _Request] = OrderedDict()

    def remember(self, body: bytes, hits: Sequence[Hit]) -> None:
        """`body` asks what `hits` answer, whoever sends it. One that depends on its caller is not taken."""
        if len(body) > _MOST_BYTES or not all(hit.is_anybodys for hit in hits):
            return
        self._requests.pop(body, None)
        while len(self._requests) >= _MOST_REQUESTS:
            self._requests.popitem(last=False)
        self._requests[body] = _Request(
            tuple(
                _Part(hit.source, hit.key, weakref.ref(hit.answer), rendering_of(hit.ref_id)) for hit in hits
            ),
            min(hit.until for hit in hits),
            {hit.ref_id: hit.answer.rows for hit in hits},
        )

    def find(self, body: bytes) -> _Request | None:
        """What `body` asks, if that is still as it was."""
        request = self._requests.get(body)
        if request is not None and time.time() >= request.until:
            del self._requests[body]
            return None
        return request

    def render(self, request: _Request) -> bytes | None:
        """The whole answer; None if a part of it is not in memory any more."""
        ready = []
        for part in request.parts:
            answer = part.answer()
            if answer is None or not self._headwater.still_remembers(part.source, part.key, answer):
                return None
            rendering = answer.renderings.get(part.rendering)
            if rendering is None:
                return None
            ready.append(rendering)
        return whole_answer(ready)


def rendering_of(ref_id: str) -> str:
    """The name of an answer's form under `ref_id`."""
    return f"json {ref_id}"


def whole_answer(members: Sequence[bytes]) -> bytes:
    """The answer of `/api/ds/query` with these members of `results`."""
    return b'{"results":{%s}}' % b",".join(members)
