"""Texts that have to fit a pattern, such as those that become header values."""

from __future__ import annotations

import re
from functools import cache

from headwater.errors import ValidationError

ONE_LINE = r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*$"
"""Text without line breaks and other control characters but the tab."""

HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
"""A token of RFC 9110 §5.6.2."""

_FAULTS = {
    ONE_LINE: "holds a line break or another control character",
    HEADER_NAME: "is not a header name",
}


def check_text(pattern: str, text: str, path: str) -> None:
    """`pattern` is a `pattern` of JSON Schema. The message never shows `text`, which may be a secret.

    :raises ValidationError: `text` does not fit.
    """
    if not _compiled(pattern).search(text):
        raise ValidationError(_FAULTS.get(pattern, f"does not fit the pattern {pattern}"), path=path)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Python's `$` also stands before a line break at the end.
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)
