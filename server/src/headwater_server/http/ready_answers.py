"""`ReadyAnswers`: requests that were answered from memory a moment ago, by what they say.

A dashboard that many look at, and a service that polls, send the same again: then nothing has to be read, and
the answer is joined from what lies ready.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from headwater.queries import Hit, KeptAnswer

if TYPE_CHECKING:
    from headwater import Headwater

_MOST_REQUESTS = 512
_MOST_BYTES = 8192
"""Of a request; larger ones are rare, and are read."""
_SAY_MORE = frozenset(
    {
        b"accept", b"cache-control", b"content-encoding", b"content-length", b"content-type",
        b"transfer-encoding", b"x-cache-skip", b"x-datasource-uid", b"x-grafana-nocache", b"x-plugin-id",
        b"x-query-v2",
    }
)  # fmt: skip
"""Headers by which a request with the same body is another one, or is refused."""

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
_Key: TypeAlias = "tuple[tuple[tuple[bytes, bytes], ...], bytes]"


@frozen
class _Part:
    """One query of a request. Only the cache itself keeps the answer alive: it has the bound."""

    source: Any
    key: Any
    answer: weakref.ref[KeptAnswer]
    rendering: str


@frozen
class ReadyRequest:
    """What a request asks, and until when it asks that."""

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
        self._requests: OrderedDict[_Key, ReadyRequest] = OrderedDict()

    def remember(self, headers: Headers, body: bytes, hits: Sequence[Hit]) -> None:
        """Such a request asks what `hits` answer, whoever sends it. One that depends on its caller is not
        taken."""
        if len(body) > _MOST_BYTES or not all(hit.is_anybodys for hit in hits):
            return
        key = _key(headers, body)
        self._requests.pop(key, None)
        while len(self._requests) >= _MOST_REQUESTS:
            self._requests.popitem(last=False)
        self._requests[key] = ReadyRequest(
            tuple(
                _Part(hit.source, hit.key, weakref.ref(hit.answer), rendering_of(hit.ref_id)) for hit in hits
            ),
            min(hit.until for hit in hits),
            {hit.ref_id: hit.answer.rows for hit in hits},
        )

    def find(self, headers: Headers, body: bytes) -> ReadyRequest | None:
        """What the request asks, if that is still as it was."""
        if not self._requests or len(body) > _MOST_BYTES:
            return None
        key = _key(headers, body)
        request = self._requests.get(key)
        if request is not None and time.time() >= request.until:
            del self._requests[key]
            return None
        return request

    def render(self, request: ReadyRequest) -> bytes | None:
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


def _key(headers: Headers, body: bytes) -> _Key:
    return tuple([header for header in headers if header[0] in _SAY_MORE]), body
