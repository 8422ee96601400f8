"""Somebody else's plugin in the Explore page: chosen, browsed, asked and plotted like any other."""

from __future__ import annotations

from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from baked import Project, Site
from servers.browser import open_browser

QUERIES = {"sql": "SELECT * FROM readings", "http": "north", "other": "north"}
TABLES = {"sql": "readings", "http": "south", "other": "south"}
LEVELS = {"sql": "2.4", "http": "4.12", "other": "4.12"}


def test_the_page_offers_each_plugin_and_shows_its_rows(projects: dict[str, Project], site: Site) -> None:
    with open_browser() as browser:
        for project in projects.values():
            page = browser.new_page()
            page.set_default_timeout(10_000)
            state = {"token": site.token, "source": project.slug, "query": QUERIES[project.kind]}
            page.goto(f"{site.url}/#{urlencode(state)}")
            check(page, project)
            page.close()


def check(page: Page, project: Project) -> None:
    expect(page.locator("select option:checked").first).to_have_text(f"{project.slug} (Acme {project.kind})")
    expect(page.locator("aside")).to_contain_text(TABLES[project.kind])
    page.get_by_role("button", name="Run").click()
    expect(page.locator("tbody")).to_contain_text(LEVELS[project.kind])
    page.get_by_role("tab", name="Plot").click()
    expect(page.locator(".plot canvas")).to_be_visible()
