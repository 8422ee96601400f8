"""Which settings go with a query: as many as the server and the user's rights allow."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

from headwater.errors import HeadwaterError, ValidationError

from .errors import ClickHouseError

_READONLY = 164
_UNKNOWN_SETTING = 115
_CONSTRAINT = 452
_NAMED = re.compile(r"[Ss]etting '?(\w+)'?|'(\w+)' setting")


class NegotiatedSettings:
    """Settings of ours, which improve an answer but may be left out, and the operator's, which may not.

    A user with readonly=1 may set nothing, an old server does not know every name: what is refused once is
    not sent again. Thread-safe.
    """

    def __init__(self, ours: Mapping[str, str], custom: Mapping[str, str]) -> None:
        self._ours = {name: value for name, value in ours.items() if name not in custom}
        self._custom = dict(custom)
        self._lock = threading.Lock()  # guards the two below, which several queries may learn at once
        self._refused: frozenset[str] = frozenset()
        self._none_allowed = False

    @property
    def refused(self) -> frozenset[str]:
        return self._refused

    @property
    def none_allowed(self) -> bool:
        """Whether the user may not change any setting (readonly=1)."""
        return self._none_allowed

    def with_extra(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The settings of one query; `extra` are ours, too."""
        if self._none_allowed:
            return dict(self._custom)
        wanted = {**self._ours, **extra, **self._custom}
        return {name: value for name, value in wanted.items() if name not in self._refused}

    def give_way(self, error: HeadwaterError, sent: Mapping[str, str]) -> bool:
        """Whether `error` refuses settings of ours among those `sent`, so that a repetition without can work.

        Raises ValidationError if it refuses one of the operator's.
        """
        if not isinstance(error, ClickHouseError) or error.code not in (
            _READONLY,
            _UNKNOWN_SETTING,
            _CONSTRAINT,
        ):
            return False
        match = _NAMED.search(str(error))
        name = (match[1] or match[2]) if match else ""
        if name not in sent:
            return False
        if name in self._custom:
            raise ValidationError(
                f"the server refuses the setting {name}: {error}", path="jsonData.customSettings"
            )
        with self._lock:
            if error.code == _READONLY:
                self._none_allowed = True
            self._refused |= {name}
        if error.code == _READONLY and self._custom:
            setting = next(iter(self._custom))
            raise ValidationError(
                f"the user may not change settings (readonly=1), {setting} included",
                path="jsonData.customSettings",
            )
        return True
