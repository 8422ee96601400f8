"""Paths that come from outside, made safe before they reach a data source.

A resource path is attacker-controlled text. Joining it to a base URL by string or by `urljoin` lets
`../` climb out of the base, `//host` change the host and an extra slash dodge a route check. Here a path is
decoded to a fixed point, cut into segments, checked and only then quoted again.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from headwater.errors import ValidationError

__all__ = ["check_segment", "join_path", "split_path"]

_MAX_UNQUOTE_ROUNDS = 8


def split_path(path: str) -> tuple[str, ...]:
    """The decoded segments of a relative `path`, or ValidationError if any of them is not plain text.

    Refused are absolute paths, empty segments, `.` and `..`, backslashes, control characters, and
    slashes or percent signs that appear only after decoding.
    """
    if path == "":
        return ()
    segments = tuple(_decode(raw) for raw in path.split("/"))
    for segment in segments:
        check_segment(segment)
    return segments


def join_path(base: str, *segments: str) -> str:
    """`base` (a trusted path such as `/prometheus`) followed by each segment, percent-quoted.

    A segment is decoded text and may hold any printable character but `/` and `\\`.
    """
    for segment in segments:
        check_segment(segment)
    prefix = base.rstrip("/")
    return prefix + "".join("/" + quote(segment, safe="") for segment in segments) or "/"


def check_segment(segment: str) -> None:
    """Raise ValidationError unless `segment` is one harmless path segment in decoded form."""
    if segment in {"", ".", ".."}:
        raise ValidationError(f"the path segment {segment!r} is not allowed", path="path")
    if any(c in "/\\" or ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029" for c in segment):
        raise ValidationError("a path segment holds a slash, a backslash or a control character", path="path")
    try:
        segment.encode()
    except UnicodeEncodeError as error:
        raise ValidationError("a path segment is not valid Unicode", path="path") from error


def _decode(raw: str) -> str:
    """Unquote until nothing changes: `%252e` must not become `.` on the way after our check."""
    text = raw
    for _ in range(_MAX_UNQUOTE_ROUNDS):
        try:
            decoded = unquote(text, errors="strict")
        except UnicodeDecodeError as error:
            raise ValidationError("a path segment is not UTF-8", path="path") from error
        if decoded == text:
            return text
        text = decoded
    raise ValidationError("a path segment is quoted too many times", path="path")
