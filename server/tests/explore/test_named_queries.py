"""Named queries on the page: saved from Explore, run by a form, shared by a link that holds values only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, quote, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from headwater import Headwater
from headwater_server.http import create_app
from servers.http_host import RunningHost, admin_authenticator, run_host

REGIONS = {
    "id": "regions",
    "datasource": "demo",
    "query": {"scenario": "csv", "csvContent": "region\nnorth\nsouth\n"},
}
WALK = {
    "id": "walk",
    "title": "A walk",
    "description": "Steps of a drunkard.",
    "datasource": "demo",
    "query": {"scenario": "random_walk", "seriesCount": {"$param": "n"}, "message": {"$param": "region"}},
    "parameters": [
        {"name": "n", "title": "Walkers", "type": "integer", "minimum": 1, "maximum": 5, "default": 2},
        {"name": "region", "type": "choice", "choicesFrom": "regions", "default": "north"},
    ],
}


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        with run_host(create_app(headwater, authenticator=authenticator), admin) as running:
            with running.client() as client:
                assert client.post("/api/queries", json=REGIONS).status_code == 201
                assert client.post("/api/queries", json=WALK).status_code == 201
            yield running


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A page that fails the test with any error of its scripts."""
    faults: list[str] = []
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert not faults


def link(host: RunningHost, token: str, **state: str) -> str:
    return f"{host.url}/#{urlencode({'token': token, **state}, quote_via=quote)}"


def test_who_may_run_one_query_gets_its_form_and_a_link_with_its_values(host: RunningHost, tab: Page) -> None:
    token = host.token("runner", "queries:run:walk")
    tab.goto(link(host, token))
    expect(tab.get_by_text("Steps of a drunkard.")).to_be_visible()
    assert tab.get_by_role("button", name="Explore").count() == 0
    tab.get_by_label("Walkers").fill("3")
    tab.get_by_label("Walkers").blur()
    tab.get_by_label("region").select_option("south")
    tab.get_by_role("button", name="Run").click()
    expect(tab.locator("p.status")).to_contain_text(" in ")
    tab.get_by_role("button", name="Copy link").click()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert "named=walk" in copied
    assert parse_qs(copied.partition("#")[2])["values"] == ['{"n":3,"region":"south"}']
    assert token not in copied
    assert "random_walk" not in tab.content() + copied

    tab.goto("about:blank")
    tab.goto(f"{copied}&token={token}")
    expect(tab.get_by_label("Walkers")).to_have_value("3")
    expect(tab.get_by_label("region")).to_have_value('"south"')


def test_a_wrong_value_is_told_at_its_field(host: RunningHost, tab: Page) -> None:
    tab.goto(link(host, host.token("other", "queries:run:walk"), named="walk", values='{"n": 9}'))
    tab.locator("form.named").evaluate("form => form.noValidate = true")
    tab.get_by_role("button", name="Run").click()
    expect(tab.locator("form.named").get_by_role("alert")).to_contain_text("is more than 5")


def test_explore_saves_a_query_by_name(host: RunningHost, tab: Page) -> None:
    tab.goto(link(host, host.admin, source="demo", query="random_walk"))
    tab.get_by_role("button", name="Save as named").click()
    tab.get_by_role("textbox", name="Id").fill("saved")
    tab.get_by_label("Title", exact=True).fill("Saved from the page")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.get_by_role("dialog")).to_have_count(0)
    tab.get_by_role("button", name="Named queries").click()
    tab.get_by_label("Named query").select_option("saved")
    tab.get_by_role("button", name="Run").click()
    expect(tab.locator("p.status")).to_contain_text(" in ")
    with host.client() as client:
        assert client.get("/api/queries/saved").json()["query"] == {"scenario": "random_walk"}


def test_what_explore_saves_asks_for_its_parameters_at_once(
    page: Page, visit: Callable[..., None], faults: list[str]
) -> None:
    variables = [
        {"name": "least", "type": "number", "value": 2},
        {"name": "note", "type": "list", "choices": ["late", "early"], "multi": True},
    ]
    visit(
        "orders",
        query="SELECT id FROM orders WHERE id >= $least AND (note IN ($note) OR note IS NULL) ORDER BY id",
        variables=json.dumps(variables),
    )
    page.get_by_role("button", name="Save as named").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Id").fill("orders-from")
    least = dialog.get_by_role("group", name="Parameter least")
    least.get_by_label("Title").fill("From order")
    least.get_by_label("Minimum").fill("two")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(least.get_by_role("alert")).to_be_visible()
    faults.clear()  # of 400
    least.get_by_label("Minimum").fill("1")
    least.get_by_label("Maximum").fill("50")
    expect(dialog.get_by_role("group", name="Parameter note").get_by_label("Choices from")).to_have_value("")
    dialog.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Open orders-from").click()
    expect(page.get_by_label("From order")).to_have_attribute("max", "50")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("gridcell")).to_have_text(["2", "10"])
    page.get_by_label("From order").fill("5")
    page.get_by_label("From order").blur()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("gridcell")).to_have_text(["10"])


def test_a_parameter_may_stand_for_an_option(host: RunningHost, tab: Page) -> None:
    options = {"seriesCount": "$n", "format": "wide", "seed": 3}
    variables = [{"name": "n", "type": "number", "value": 2}]
    state = {"query": "random_walk", "options": json.dumps(options), "variables": json.dumps(variables)}
    tab.goto(link(host, host.admin, source="demo", **state))
    tab.get_by_role("button", name="Save as named").click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("Id").fill("walks")
    dialog.get_by_role("button", name="Add parameter").click()
    own = dialog.get_by_role("group", name="New parameter")
    own.get_by_label("Name").fill("seed")
    own = dialog.get_by_role("group", name="Parameter seed")
    own.get_by_label("Stands for").select_option("seed")
    own.get_by_label("Type").select_option("integer")
    own.get_by_label("Default").fill("7")
    dialog.get_by_role("button", name="Save", exact=True).click()
    tab.get_by_role("button", name="Open walks").click()
    tab.get_by_role("button", name="Run", exact=True).click()
    expect(tab.locator("p.status")).to_contain_text(" in ")
    with host.client() as client:
        saved = client.get("/api/queries/walks").json()
    assert saved["query"] == {
        "scenario": "random_walk",
        "format": "wide",
        "seriesCount": {"$param": "n"},
        "seed": {"$param": "seed"},
    }
    assert saved["parameters"] == [
        {"name": "n", "type": "integer", "default": 2}, {"name": "seed", "type": "integer", "default": 7},
    ]  # fmt: skip
