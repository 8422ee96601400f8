"""Docstrings here are Markdown, autodoc reads reStructuredText: rewrites what differs in the parts we use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

_CODE = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)")
_ITEM = re.compile(r"\s*([-*]|\d+\.) ")
_SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}


def _process(_app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = to_rst(lines)


def to_rst(lines: list[str]) -> list[str]:
    """The same text as reStructuredText: code spans, fenced blocks, tables (kept as they look) and lists."""
    return list(_code_spans_on_one_line(lines))


def _code_spans_on_one_line(lines: list[str]) -> Iterator[str]:
    fenced = False
    previous = ""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        fence = line.lstrip().startswith("```")
        table = not fenced and line.lstrip().startswith("|")
        if fenced or fence or table or not line.strip() or _ITEM.match(line):
            yield from _paragraph(paragraph)
            paragraph = []
        if fence:
            fenced = not fenced
            if fenced:
                yield from ("", f".. code-block:: {line.strip().removeprefix('```') or 'text'}", "")
            else:
                yield ""
        elif fenced:
            yield f"   {line}"
        elif table:
            if not previous.lstrip().startswith("|"):
                yield from ("", ".. code-block:: text", "")
            yield f"   {line}"
        elif not line.strip():
            yield ""
        else:
            if _ITEM.match(line) and previous.strip() and not _is_in_list(previous):
                yield ""
            paragraph.append(line)
        previous = line
    yield ""


def _is_in_list(line: str) -> bool:
    return _ITEM.match(line) is not None or line.startswith("  ")


def _paragraph(lines: list[str]) -> Iterator[str]:
    """The lines of a paragraph, whose code spans may go over line ends."""
    if lines:
        yield from _inline("\n".join(lines)).splitlines()


def _inline(text: str) -> str:
    marker = _ITEM.match(text)
    start = marker.end() if marker else 0
    out, end = [text[:start]], start
    for span in re.finditer(_CODE.pattern, text[start:], re.DOTALL):
        out.append(_SPECIAL.sub(r"\\\1", text[end : start + span.start()]))
        code = span["code"].replace("\\", "\\\\")
        # A role, because literals next to letters or with spaces at the ends are none in reStructuredText.
        out.append(f"\\ :code:`{code}`\\ ")
        end = start + span.end()
    out.append(_SPECIAL.sub(r"\\\1", text[end:]))
    return "".join(out)
