"""Who wants to know when the client of a connection goes away, told by the connection itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

DISCONNECTS: Final = "headwater.disconnects"
"""Key of the ASGI scope under which our own server puts a connection's Disconnects. With others a task has to
wait for the event, for each request."""


class Disconnects:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._callbacks: set[Callable[[], object]] = set()
        self._gone = False

    def add(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the client goes away; at once if it has gone."""
        if self._gone:
            callback()
        else:
            self._callbacks.add(callback)

    def discard(self, callback: Callable[[], object]) -> None:
        self._callbacks.discard(callback)

    def fire(self) -> None:
        self._gone = True
        callbacks, self._callbacks = self._callbacks, set()
        for callback in callbacks:
            callback()
