"""Relative links out of docs/ go to files of the repository: the site points to where these are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

REPOSITORY = "https://github.com/headwater-data/headwater/blob/main"
_ROOT = Path(__file__).parents[2]


class RepositoryLinks(SphinxTransform):
    """Runs before MyST's references are resolved. A link to a missing file stays, and is a warning."""

    default_priority = 5

    def apply(self, **_options: Any) -> None:
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for link in list(self.document.findall(nodes.Element)):
            if link.tagname not in ("reference", "download_reference", "pending_xref"):
                continue
            written = str(link.get("refuri") or link.get("reftarget") or "")
            place = _place(folder, written)
            if place is not None and link.parent is not None:
                link.parent.replace(link, nodes.reference("", "", *link.children, refuri=place))


def _place(folder: Path, written: str) -> str | None:
    """Where readers of the site find the file outside of docs/ that a page in `folder` links to, if any."""
    target, _, anchor = written.partition("#")
    path = (folder / target).resolve()
    if not target or "://" in target or not path.exists() or not path.is_relative_to(_ROOT):
        return None
    if path.is_relative_to(_ROOT / "docs"):
        return None
    return f"{REPOSITORY}/{path.relative_to(_ROOT).as_posix()}" + (f"#{anchor}" if anchor else "")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True}
