"""`index.html`, which web servers look for: it leads to the front page, whose name is that of the README."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}"><title>{title}</title></head>
<body><a href="{target}">{title}</a></body>
</html>
"""


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Sphinx, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        text = _PAGE.format(target=f"{app.config.root_doc}.html", title=app.config.html_title)
        Path(app.outdir, "index.html").write_text(text)
