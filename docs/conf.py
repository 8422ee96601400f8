"""The site: `nox -s docs` builds it into site/. Nothing is fetched, neither to build nor to read it."""

from __future__ import annotations

import sys
from pathlib import Path

import headwater

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Headwater"
author = "Headwater developers"
version = release = headwater.__version__
project_copyright = "Headwater developers, Apache-2.0"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "index_toctree",
    "markdown_docstrings",
    "repository_links",
    "front_page",
]
root_doc = "README"
exclude_patterns = ["_ext"]
source_suffix = {".md": "markdown"}

# Headings become anchors as on code hosts, so that `page.md#a-heading` works in both places.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
suppress_warnings = [
    "misc.highlighting_failure",  # answers and templates that are not quite JSON or YAML
    "ref.python",  # an annotation `type[...]` beside records that have a field `type`
]

autodoc_default_options = {
    "members": True, "undoc-members": True, "imported-members": True, "show-inheritance": True,
}  # fmt: skip
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

html_theme = "alabaster"
html_title = "Headwater"
html_theme_options = {
    "description": "Data-source plugins for Python",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_copy_source = False
