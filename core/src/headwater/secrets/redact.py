"""Masks known secret values in whatever leaves the process as text.

A `Redactor` knows values, not patterns: it finds each watched secret as it is, percent-encoded,
base64-encoded at any offset (so also inside `Basic` credentials), and escaped for JSON, HTML and Python, as a
string or as bytes."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

from .secret import MASK, Secret

_PREFIX = 4
"""Forms are indexed by this many leading characters; a line costs one dictionary lookup a character,
however many secrets are known."""

_PLAIN = (bool, int, float, type(None))


class Redactor:
    """Replaces every form of every watched secret by a mask.

    A value stays known after its `Secret` is gone, because a driver's traceback may outlive it; the least
    recently watched are forgotten beyond `max_values`. Values shorter than four characters are masked only
    where they stand as a whole word: masking every "a" would ruin the log without hiding anything.

    As a structlog processor it takes either an event dictionary or the rendered line. Put it last, after the
    renderer: only there the formatted exception is part of the text."""

    def __init__(self, *, max_values: int = 10_000) -> None:
        self._max_values = max_values
        self._forms: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._index: dict[str, _Bucket] = {}
        self._short: re.Pattern[str] | None = None
        self._lock = Lock()

    def watch(self, secret: Secret) -> Secret:
        """Masks `secret` from now on; returns it."""
        value = secret.reveal()
        if not value:
            return secret
        with self._lock:
            if value in self._forms:
                self._forms.move_to_end(value)
                return secret
            self._forms[value] = forms = forms_of(value)
            self._add(forms)
            if len(self._forms) > self._max_values:
                self._remove(self._forms.popitem(last=False)[1])
            if len(value) < _PREFIX:
                self._compile_short()
        return secret

    def redact(self, text: str) -> str:
        """`text` with every known secret masked; `text` itself if it shows none."""
        index = self._index
        if not index:
            return text
        pieces: list[str] = []
        start = at = 0
        last = len(text) - _PREFIX
        while at <= last:
            bucket = index.get(text[at : at + _PREFIX])
            length = bucket.longest_at(text, at) if bucket is not None else 0
            if not length:
                at += 1
                continue
            pieces.append(text[start:at])
            start = at = at + length
        pieces.append(text[start:])
        short = self._short
        if short is not None:  # after the long ones, of which a short one may be a word
            pieces = [short.sub(MASK, piece) for piece in pieces]
        masked = MASK.join(pieces)
        return text if masked == text else masked

    def clean(self, value: Any) -> Any:
        """`value` with secrets masked in strings, bytes and containers; other objects become masked text
        only if their `repr` shows a secret, or fails."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, bytes):
            return self.redact(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if isinstance(value, Mapping):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if type(value) in (list, tuple, set, frozenset):
            return type(value)(self.clean(item) for item in value)
        try:
            shown = repr(value)
        except Exception:  # it must not take the place of what is told, and may work for the next who asks
            return MASK
        masked = self.redact(shown)
        return value if masked == shown else masked

    def __call__(
        self, _logger: Any, _method_name: str, event: MutableMapping[str, Any] | str | bytes
    ) -> MutableMapping[str, Any] | str | bytes:
        cleaned: MutableMapping[str, Any] | str | bytes = self.clean(event)
        return cleaned

    def _add(self, forms: frozenset[str]) -> None:
        for form in forms:
            if len(form) >= _PREFIX:
                self._index.setdefault(form[:_PREFIX], _Bucket()).add(form)

    def _remove(self, forms: frozenset[str]) -> None:
        for form in forms:
            if len(form) < _PREFIX:
                self._compile_short()
            elif not self._index[form[:_PREFIX]].remove(form):
                del self._index[form[:_PREFIX]]

    def _compile_short(self) -> None:
        # A longer one before that which begins it: "a-b", then "a".
        short = sorted((value for value in self._forms if len(value) < _PREFIX), reverse=True)
        words = "|".join(map(re.escape, short))
        self._short = re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])") if short else None


class _Bucket:
    """The forms that begin alike, by length: tokens of one vendor share their first characters, so there may
    be thousands. A form counts how many values have it."""

    __slots__ = ("_by_length", "_lengths")

    def __init__(self) -> None:
        self._by_length: dict[int, dict[str, int]] = {}
        self._lengths: tuple[int, ...] = ()

    def longest_at(self, text: str, at: int) -> int:
        """The length of the longest form that stands in `text` at `at`; 0 if none does."""
        for length in self._lengths:
            if text[at : at + length] in self._by_length.get(length, ()):
                return length
        return 0

    def add(self, form: str) -> None:
        counts = self._by_length.setdefault(len(form), {})
        counts[form] = counts.get(form, 0) + 1
        if len(counts) == 1:
            self._lengths = tuple(sorted(self._by_length, reverse=True))

    def remove(self, form: str) -> bool:
        """Whether any form is left."""
        counts = self._by_length[len(form)]
        counts[form] -= 1
        if not counts[form]:
            del counts[form]
        if not counts:
            del self._by_length[len(form)]
            self._lengths = tuple(sorted(self._by_length, reverse=True))
        return bool(self._by_length)


class RedactingFormatter(logging.Formatter):
    """Wraps a `logging` formatter and masks its finished line, formatted exception included."""

    def __init__(self, inner: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(self._inner.format(record))


def forms_of(value: str) -> frozenset[str]:
    """The spellings under which `value` may turn up in text."""
    raw = value.encode("utf-8", "surrogatepass")
    forms = {value, html.escape(value)}
    # Whether an apostrophe is escaped depends on the text around: with a quotation mark in it, always.
    forms |= {repr(value)[1:-1], repr('"' + value)[2:-1], repr(raw)[2:-1], repr(b'"' + raw)[3:-1]}
    forms |= {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        forms |= {encoded, re.sub("%..", lambda match: match[0].lower(), encoded)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= _base64_forms(raw, encode)
    forms |= {line for line in value.splitlines() if len(line) >= 16 and not line.startswith("-----")}
    return frozenset(forms)


def _base64_forms(raw: bytes, encode: Callable[[bytes], bytes]) -> set[str]:
    """The encoding itself, and the characters of it that do not depend on what stands before and after."""
    whole = encode(raw).decode()
    forms = {whole, whole.rstrip("=")}
    for before, first in ((0, 0), (1, 2), (2, 3)):
        text = encode(bytes(before) + raw).decode()
        inner = text[first : len(text) - _tail(text)]
        if len(inner) >= 6:
            forms.add(inner)
    return forms


def _tail(encoded: str) -> int:
    """How many last characters of a base64 text change with the bytes that follow."""
    padding = encoded.count("=")
    return padding + 1 if padding else 0
