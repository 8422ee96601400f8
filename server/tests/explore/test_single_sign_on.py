"""Signing in on the page through a real OpenID Connect provider, as people do it: in a browser, over TLS, at
a host of two workers, on another site than the provider."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import attrs
import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from servers.certificates import make_certificates
from servers.openid_provider import API, CLIENT_ID, CLIENT_SECRET, OpenidProvider, start_openid_provider
from servers.process import ServerProcess, free_port

SETTINGS = """
[oidc]
name = "Example"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret_file = "oidc-secret"
audience = "{audience}"
request_scopes = ["profile", "groups"]

[oidc.roles]
admins = "Admin"
staff = "Viewer"

[oidc.scopes]
analysts = ["datasources:read:demo"]
"""


@attrs.frozen
class Host:
    origin: str
    process: ServerProcess
    provider: OpenidProvider
    audit: Path

    def audited(self, action: str) -> list[dict[str, object]]:
        records = map(json.loads, self.audit.read_text().splitlines())
        return [record for record in records if record["action"] == action]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    directory, port = tmp_path_factory.mktemp("sso"), free_port()
    origin = f"https://localhost:{port}"
    certificates = make_certificates(directory / "tls")
    provisioning = directory / "sources.yaml"
    provisioning.write_text("apiVersion: 1\ndatasources: [{name: demo, type: testdata, uid: demo}]")
    with start_openid_provider(f"{origin}/login/oidc/callback") as provider:
        (directory / "headwater.toml").write_text(
            SETTINGS.format(issuer=provider.issuer, client_id=CLIENT_ID, audience=API)
        )
        (directory / "oidc-secret").write_text(CLIENT_SECRET)
        command = [
            str(Path(sys.executable).with_name("headwater")), "serve", "--port", str(port), "--workers", "2",
            "--root-url", origin, "--provisioning", str(provisioning), "--audit-log", "audit.jsonl",
            "--tls-cert", str(certificates.server), "--tls-key", str(certificates.server_key),
        ]  # fmt: skip
        environment = {"HEADWATER_DATA_DIR": str(directory)}
        with ServerProcess(command, ready=lambda: answers(origin), environment=environment) as process:
            yield Host(origin, process, provider, process.directory / "audit.jsonl")


def answers(origin: str) -> bool:
    try:
        return httpx2.get(f"{origin}/readyz", verify=False, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(20_000)
    yield context
    context.close()


def sign_in(page: Page, who: str) -> None:
    """At the provider, whose own two pages are a login and a consent."""
    page.get_by_role("button", name="Sign in with Example").click()
    page.get_by_placeholder("Enter any login").fill(who)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_somebody_signs_in_works_by_their_groups_and_signs_out(context: BrowserContext, host: Host) -> None:
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{host.origin}/#source=demo&query=random_walk")
    sign_in(page, "ada")
    expect(page.locator("header")).to_contain_text("ada@example.org")
    assert page.url.startswith(f"{host.origin}/#source=demo"), "back where they were"
    expect(page.get_by_role("textbox", name="Query")).to_contain_text("random_walk")

    page.get_by_role("textbox", name="Query").click()
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("rows in")
    page.get_by_role("button", name="Data sources").click()
    expect(page.get_by_text("demo").first).to_be_visible()
    expect(page.get_by_role("button", name="Add")).to_have_count(0)

    (cookie,) = [
        each for each in context.cookies() if "session" in each["name"] and "127" not in each["domain"]
    ]
    assert cookie["name"] == "__Host-headwater-session"
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert (cookie["path"], cookie["domain"]) == ("/", "localhost")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    context.add_cookies([cast(Any, cookie)])  # as a thief of it would
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
    assert faults == []
    assert {record["who"] for record in host.audited("datasources:query")} == {"oidc:ada"}
    assert [record["who"] for record in host.audited("login")][-1] == "oidc:ada"
    assert [record["who"] for record in host.audited("logout")][-1] == "oidc:ada"


def test_who_has_another_group_may_do_other_things_and_who_has_none_is_told(
    context: BrowserContext, host: Host
) -> None:
    page = context.new_page()
    page.goto(host.origin)
    sign_in(page, "root")
    page.get_by_role("button", name="Data sources").click()
    expect(page.get_by_role("button", name="Add")).to_be_visible()
    context.clear_cookies()
    page.goto("about:blank")
    page.goto(host.origin)
    sign_in(page, "nobody-special")
    expect(page.get_by_role("alert")).to_contain_text("You are signed in, but may query no data source")


def test_who_gives_up_at_the_provider_is_told_and_can_try_again(context: BrowserContext, host: Host) -> None:
    page = context.new_page()
    page.goto(host.origin)
    page.get_by_role("button", name="Sign in with Example").click()
    page.get_by_text("[ Cancel ]").click()
    expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("denied access")
    page.get_by_role("link", name="Back to the page").click()
    expect(page.get_by_role("button", name="Sign in with Example")).to_be_visible()


def test_a_program_calls_with_the_access_token_that_the_provider_makes_for_it(host: Host) -> None:
    def user(token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.get(f"{host.origin}/api/user", headers=headers, verify=False, trust_env=False)

    assert user(host.provider.access_token()).json()["login"] == "batch-job"
    assert user(host.provider.access_token("https://elsewhere.example")).status_code == 401
