"""Data sources on the page: forms from schemas, secrets that are only written, faults at their fields."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from servers.mysql_family import DatabaseServer


@pytest.fixture(autouse=True)
def data_sources(page: Page) -> None:
    page.get_by_role("button", name="Data sources").click()
    expect(page.get_by_role("heading", name="Data sources")).to_be_visible()


def fill_new(page: Page, mariadb: DatabaseServer, name: str, password: str) -> None:
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Type").select_option("mysql")
    page.get_by_role("textbox", name="Name *").fill(name)
    page.get_by_label("Address").fill(mariadb.address)
    page.get_by_label(re.compile("^User")).fill(mariadb.user)
    page.locator("input[type=password]").first.fill(password)


def test_a_data_source_is_added_tested_and_removed(page: Page, mariadb: DatabaseServer) -> None:
    fill_new(page, mariadb, "from the page", mariadb.password)
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator(".health.OK")).to_contain_text("OK")
    page.get_by_role("button", name="Remove from the page").click()
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("from the page", exact=True)).to_have_count(1)
    page.get_by_role("button", name="Remove from the page").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("from the page", exact=True)).to_have_count(0)


def test_what_is_typed_is_of_the_type_that_was_chosen(page: Page, mariadb: DatabaseServer) -> None:
    """Also while the host has not described that type yet: nothing of another's fields is left to fill in."""
    held: list[Route] = []
    described = "**/api/plugins/mysql/settings"
    page.route(described, lambda route: held.append(route))
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Type").select_option("adbc")
    expect(page.locator("input[type=password]").first).to_be_visible()

    with page.expect_request(described):
        page.get_by_label("Type").select_option("mysql")
    expect(page.locator("input[type=password]")).to_have_count(0)
    expect(page.get_by_role("button", name="Save and test")).to_be_disabled()
    held[0].continue_()
    expect(page.get_by_label("Address")).to_be_visible()
    expect(page.get_by_role("button", name="Save and test")).to_be_enabled()


def test_a_secret_is_kept_replaced_and_removed_but_never_shown(
    page: Page, mariadb: DatabaseServer, faults: list[str]
) -> None:
    fill_new(page, mariadb, "secretive", mariadb.password)
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator(".health.OK")).to_be_visible()

    def edit() -> None:
        page.get_by_role("button", name="Edit secretive").click()
        expect(page.get_by_role("heading", name="Edit secretive")).to_be_visible()

    def save(outcome: str) -> None:
        page.get_by_role("button", name="Save and test").click()
        expect(page.locator(f".health.{outcome}")).to_be_visible()

    edit()
    assert mariadb.password not in page.content()
    expect(page.locator("input[type=password]").first).to_have_attribute(
        "placeholder", "set; leave empty to keep it"
    )
    save("OK")
    edit()
    page.locator("input[type=password]").first.fill("not it")
    save("ERROR")
    edit()
    page.get_by_role("button", name="Remove password").click()
    save("ERROR")
    edit()
    expect(page.locator("input[type=password]").first).to_have_attribute("placeholder", "not set")
    assert all("400" in fault for fault in faults)
    faults.clear()


def test_a_wrong_setting_is_told_at_its_field(page: Page, mariadb: DatabaseServer, faults: list[str]) -> None:
    fill_new(page, mariadb, "wrong", mariadb.password)
    page.get_by_text("Settings", exact=True).click()
    page.locator("label", has_text="timezone").locator("input").fill("Mars/Olympus")
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator("label", has_text="timezone").get_by_role("alert")).to_be_visible()
    assert all("400" in fault for fault in faults)
    faults.clear()


def test_a_name_is_required(page: Page, mariadb: DatabaseServer) -> None:
    fill_new(page, mariadb, "", mariadb.password)
    page.get_by_role("button", name="Save and test").click()
    assert page.get_by_role("textbox", name="Name *").evaluate("input => input.validity.valueMissing")


def test_the_password_reaches_no_storage_of_the_browser(
    page: Page, mariadb: DatabaseServer, visit: Callable[..., None]
) -> None:
    visit("orders", query="SELECT 1")
    page.keyboard.press("Control+Enter")
    stored = page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert "SELECT 1" in stored
    assert mariadb.password not in stored


def test_a_name_that_is_taken_is_told_at_its_field(
    page: Page, mariadb: DatabaseServer, faults: list[str]
) -> None:
    fill_new(page, mariadb, "orders", mariadb.password)
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator("label", has_text="Name *").get_by_role("alert")).to_be_visible()
    assert all("409" in fault for fault in faults)
    faults.clear()


def test_the_form_says_what_the_address_of_a_type_is_and_has_only_fields_that_it_uses(page: Page) -> None:
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Type").select_option("testdata")
    expect(page.get_by_role("textbox", name="Name *")).to_be_visible()
    for label in ("Address", "User", "Database"):
        expect(page.get_by_label(label)).to_have_count(0)
    page.get_by_label("Type").select_option("prometheus")
    expect(page.get_by_label("Address")).to_be_visible()
    expect(page.get_by_label("User of basic authentication")).to_be_visible()
    expect(page.get_by_label("Database")).to_have_count(0)
    page.get_by_label("Type").select_option("clickhouse")
    expect(page.locator("label", has_text="Address")).to_contain_text("chdb:// for an engine in this process")


def test_an_embedded_engine_is_added_by_what_the_form_says(page: Page) -> None:
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Type").select_option("clickhouse")
    page.get_by_role("textbox", name="Name *").fill("engine")
    page.get_by_label("Address").fill("chdb://")
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator(".health.OK")).to_contain_text("Data source is working")
