"""A real browser for the pages that hosts serve."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright

from servers.process import C_LIBRARY, fetch_debian_packages, find_program, library_path, unavailable

_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium, without a window: the one on the path, or fetched from Debian's packages."""
    installed = find_program("chromium", "chromium-browser", "google-chrome")
    program, environment = (installed, {}) if installed else _fetched()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=_ARGUMENTS, env={**os.environ, **environment}
        )
        yield opened
        opened.close()


def plot_box(page: Page) -> FloatRect:
    """Where Explore's chart is, once it is drawn as it was last asked to be."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    plot = page.locator(".plot .u-over")
    expect(plot).to_be_visible()
    box = plot.bounding_box()
    assert box
    return box


def _fetched() -> tuple[str, dict[str, str]]:
    """The program, and the environment in which it finds its libraries and fonts."""
    root = fetch_debian_packages(
        "chromium", ["chromium", "fonts-dejavu-core"], suite="", with_dependencies=True, skip=C_LIBRARY
    )
    program = root / "usr/lib/chromium/chromium"
    if not program.exists():  # Ubuntu's package of this name has only a hint at another installer
        unavailable("no Chromium on the path, and the release's packages have none")
    fonts = {"FONTCONFIG_SYSROOT": str(root), "FONTCONFIG_PATH": "/etc/fonts"}
    return str(program), library_path(root) | fonts
