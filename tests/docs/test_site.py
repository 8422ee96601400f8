"""The site builds without a warning, needs no network, and says what the code says."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def load(extension: str) -> ModuleType:
    """A module of docs/_ext, which is no package."""
    spec = importlib.util.spec_from_file_location(extension, DOCS / "_ext" / f"{extension}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = load("generated")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "--fail-on-warning", "--keep-going", str(DOCS), str(target)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("page", GENERATED.PAGES)
def test_a_generated_page_says_what_the_code_says(page: str) -> None:
    committed = (DOCS / "reference" / page).read_text()
    assert committed == GENERATED.PAGES[page](), "run: python docs/_ext/generated.py"


def test_the_site_builds_without_a_warning_and_has_every_page(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.glob("**/*.md")}
    assert [page for page in pages if not (site / page).is_file()] == []


def test_a_web_server_finds_the_front_page(site: Path) -> None:
    leads_to = re.search(r'url=([^"]+)"', (site / "index.html").read_text())
    assert leads_to
    assert "Headwater documentation" in (site / leads_to[1]).read_text()


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//|<link\b[^>]*\bhref=["'](?:https?:)?//"""
    )
    assert [page for page in site.rglob("*.html") if loads.search(page.read_text())] == []
    imports = re.compile(r"""(?:@import|url\()\s*(?:url\()?["']?(?:https?:)?//""")
    assert [sheet for sheet in site.rglob("*.css") if imports.search(sheet.read_text())] == []


def test_comments_for_the_snippet_runner_do_not_show(site: Path) -> None:
    assert "needs: mysql" in (DOCS / "tutorial/mysql-first-query.md").read_text()
    assert "needs: mysql" not in visible(site / "tutorial/mysql-first-query.html")


@pytest.mark.parametrize(
    ("page", "module"),
    [
        ("headwater", "headwater"), ("sdk", "headwater.sdk"), ("sql", "headwater.sdk.sql"),
        ("frames", "headwater.frames"), ("models", "headwater.models"), ("calls", "headwater.calls"),
        ("secrets", "headwater.secrets"), ("datasources", "headwater.datasources"),
        ("testing", "headwater.testing"), ("server", "headwater_server.http"),
    ],
)  # fmt: skip
def test_the_python_reference_describes_every_public_name(site: Path, page: str, module: str) -> None:
    described = set(
        re.findall(r'<span class="sig-name descname"><span class="pre">(\w+)', text_of(site, page))
    )
    left_to_others = re.findall(r":exclude-members: (.+)", (DOCS / f"reference/api/{page}.md").read_text())
    elsewhere = {name for names in left_to_others for name in names.split(", ")} | {"__version__"}
    public = {name for name in importlib.import_module(module).__all__ if name not in elsewhere}
    assert public - described == set()


def test_every_error_is_described(site: Path) -> None:
    assert all(f"errors.{name}" in text_of(site, "errors") for name in ("QueryError", "DownstreamAuthError"))


@pytest.mark.parametrize(
    ("markdown", "rst"),
    [
        ("a `b` c", r"a \ :code:`b`\  c"),
        ("``b``s", r"\ :code:`b`\ s"),
        ("over `two\nlines`", "over \\ :code:`two\nlines`\\"),
        ("2 * 3, a_ and *args", r"2 \* 3, a\_ and \*args"),
        ("`a*b_`", r"\ :code:`a*b_`\\"),
        ("so:\n- one\n- two", "so:\n\n- one\n- two"),
        ("```python\nx = `1`\n```", "\n.. code-block:: python\n\n   x = `1`\n"),
        ("| a | b |\n|---|---|", "\n.. code-block:: text\n\n   | a | b |\n   |---|---|"),
    ],
)
def test_docstrings_in_markdown_become_restructuredtext(markdown: str, rst: str) -> None:
    converted = "\n".join(load("markdown_docstrings").to_rst(markdown.splitlines()))
    assert converted.strip() == rst.strip().removesuffix("\\") + ("\\" if rst.endswith("`\\") else "")


def visible(page: Path) -> str:
    return re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)


def text_of(site: Path, page: str) -> str:
    return (site / f"reference/api/{page}.html").read_text()
