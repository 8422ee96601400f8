"""The index page lists every page by hand, in sections; the site's navigation follows it.

A page that the index does not list is a warning of Sphinx, and so an error.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_SECTION = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!## ).*\n?)*)", re.MULTILINE)
_PAGE = re.compile(r"\]\((?P<page>[\w/-]+)\.md\)")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", _add_navigation)
    return {"parallel_read_safe": True}


def _add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == app.config.root_doc:
        source[0] += "".join(
            _toctree(found["title"], found["body"]) for found in _SECTION.finditer(source[0])
        )


def _toctree(title: str, body: str) -> str:
    pages = dict.fromkeys(_PAGE.findall(body))
    return (
        f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(pages) + "\n```\n" if pages else ""
    )
