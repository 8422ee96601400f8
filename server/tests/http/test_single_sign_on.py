"""What a host takes from an OpenID Connect provider, and what it refuses whoever tries it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import OctKey
from starlette.responses import Response

from headwater import Headwater
from headwater.errors import ValidationError
from headwater_server.auth.oidc import SingleSignOn, read_oidc_settings
from headwater_server.auth.oidc.identity import groups_of
from headwater_server.auth.oidc.key_set import KeySet
from headwater_server.auth.oidc.provider import ProviderError
from headwater_server.auth.sessions import MemorySessionStore
from headwater_server.http import HttpOptions, create_app
from headwater_server.http.session_cookie import set_session
from servers.forging_provider import (
    AUDIENCE,
    CLIENT_ID,
    KEY,
    OTHER_KEY,
    STRANGERS_KEY,
    ForgingProvider,
    start_forging_provider,
)
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, run_host
from servers.process import free_port

SETTINGS = {
    "client_id": CLIENT_ID,
    "audience": AUDIENCE,
    "roles": {"staff": "Viewer", "admins": "Admin"},
    "scopes": {"orders": ["datasources:query:demo"]},
}
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def provider() -> Iterator[ForgingProvider]:
    with start_forging_provider() as provider:
        yield provider


@pytest.fixture
def audit() -> ListedAudit:
    return ListedAudit()


@pytest.fixture
def host(provider: ForgingProvider, audit: ListedAudit) -> Iterator[RunningHost]:
    port = free_port()
    settings = read_oidc_settings({"issuer": provider.issuer, **SETTINGS}, Path())
    sso = SingleSignOn(settings, MemorySessionStore())
    authenticator, admin = admin_authenticator(sso=sso)
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        options = HttpOptions(root_url=f"http://127.0.0.1:{port}")
        app = create_app(headwater, authenticator=authenticator, options=options, audit=audit)
        with run_host(app, admin, port=port) as running:
            yield running
    sso.close()


def status(host: RunningHost, token: str, path: str = "/api/user") -> int:
    with host.client(token) as client:
        return client.get(path).status_code


def user(host: RunningHost, token: str) -> Mapping[str, Any]:
    with host.client(token) as client:
        found: Mapping[str, Any] = client.get("/api/frontend/settings").json()
        return found


def unsigned(text: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(text).encode()).rstrip(b"=").decode()


class TestAccessTokens:
    def test_one_of_the_provider_for_this_api_is_its_subject_with_the_rights_of_its_groups(
        self, host: RunningHost, provider: ForgingProvider, audit: ListedAudit
    ) -> None:
        assert user(host, provider.token())["user"] == {
            "login": "ada", "orgRole": "Viewer", "isSignedIn": True,
        }  # fmt: skip
        admin = user(host, provider.token(groups=["staff", "admins"], preferred_username="Ada"))
        assert (admin["user"]["login"], admin["user"]["orgRole"]) == ("Ada", "Admin")
        scoped = user(host, provider.token(groups="orders other"))
        assert scoped["permissions"] == ["datasources:query:demo"]
        with host.client(provider.token()) as client:
            query = {"refId": "A", "datasource": {"uid": "demo"}, "scenario": "random_walk"}
            client.post(
                "/api/ds/query", json={"queries": [query], "from": "0", "to": "1000"}
            ).raise_for_status()
        assert audit.records[-1].who == "oidc:ada"

    def test_agents_may_send_one_too(self, host: RunningHost, provider: ForgingProvider) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers = {"Accept": "application/json, text/event-stream"}
        for token, expected in ((provider.token(), 200), (provider.token(aud="another"), 401)):
            with host.client(token) as client:
                assert client.post("/mcp", json=body, headers=headers).status_code == expected

    def test_agents_are_told_where_to_get_one(self, host: RunningHost, provider: ForgingProvider) -> None:
        with host.client("") as client:
            metadata = client.get("/.well-known/oauth-protected-resource/mcp").json()
        assert metadata["authorization_servers"] == [provider.issuer]
        assert metadata["resource"] == f"{host.url}/mcp"

    def test_whose_groups_grant_nothing_may_do_nothing(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        assert user(host, provider.token(groups=["strangers"]))["permissions"] == []
        with host.client(provider.token(groups=None)) as client:
            assert client.get("/api/datasources").status_code == 403

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": 1_700_000_000},
            {"exp": None},
            {"exp": "tomorrow"},
            {"nbf": 4_000_000_000},
            {"aud": CLIENT_ID},
            {"aud": ["somebody", "else"]},
            {"aud": None},
            {"iss": "https://login.example.org"},
            {"iss": None},
            {"sub": None},
            {"sub": ""},
            {"sub": "línea\nnueva"},
            {"sub": "x" * 400},
        ],
        ids=str,
    )
    def test_one_that_is_not_good_here_and_now_is_refused(
        self, host: RunningHost, provider: ForgingProvider, changes: dict[str, Any]
    ) -> None:
        assert status(host, provider.token()) == 200
        assert status(host, provider.token(**changes)) == 401

    def test_one_that_another_key_signed_is_refused(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        assert status(host, provider.token(STRANGERS_KEY)) == 401
        assert status(host, provider.token(STRANGERS_KEY, {"kid": "unheard-of"})) == 401
        assert status(host, provider.token(STRANGERS_KEY, {"kid": None})) == 401

    def test_one_whose_claims_were_changed_is_refused(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        header, _, signature = provider.token().split(".")
        forged = unsigned(provider.claims(groups=["admins"]))
        assert status(host, f"{header}.{forged}.{signature}") == 401

    def test_no_signature_and_one_with_the_public_key_as_shared_secret_are_refused(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        claims = unsigned(provider.claims(groups=["admins"]))
        for algorithm in ("none", "None", "NONE"):
            assert status(host, f"{unsigned({'alg': algorithm, 'kid': 'first'})}.{claims}.") == 401
        for public in (KEY.as_pem(private=False), KEY.as_der(private=False)):
            signed = f"{unsigned({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{claims}"
            mac = hmac.new(public, signed.encode(), hashlib.sha256).digest()
            signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
            assert status(host, f"{signed}.{signature}") == 401

    def test_a_shared_key_among_the_published_ones_is_no_key(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        shared = OctKey.generate_key(256, {"kid": "shared"})
        provider.keys.append(shared)
        token = provider.token(shared, {"alg": "HS256"})
        assert status(host, token) == 401

    def test_a_key_that_comes_along_in_the_token_is_no_key(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        embedded = {"jwk": STRANGERS_KEY.as_dict(private=False)}
        assert status(host, provider.token(STRANGERS_KEY, embedded)) == 401
        assert status(host, provider.token(STRANGERS_KEY, {"jku": "https://evil.example/keys"})) == 401

    def test_a_token_for_another_use_is_refused(self, host: RunningHost, provider: ForgingProvider) -> None:
        assert status(host, provider.token(header={"typ": "at+jwt"})) == 200
        assert status(host, provider.token(header={"typ": "logout+jwt"})) == 401
        assert status(host, provider.token(header={"crit": ["b64"], "b64": False})) == 401

    def test_a_new_key_is_taken_up_at_its_first_use(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        provider.keys = [KEY]
        assert status(host, provider.token()) == 200
        sso = host.app.host.authenticator.sso
        assert sso is not None
        sso._verifier._keys._asked = float("-inf")  # half a minute later
        provider.keys = [OTHER_KEY]
        assert status(host, provider.token(OTHER_KEY)) == 200
        assert status(host, provider.token()) == 401, "one that is withdrawn"

    def test_ids_of_keys_that_do_not_exist_do_not_make_the_host_ask_each_time(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        for number in range(20):
            assert status(host, provider.token(header={"kid": f"invented-{number}"})) == 401
        assert provider.asked.count("/keys") == 1

    def test_while_the_provider_is_down_its_tokens_are_no_fault_of_the_caller_and_ours_work(
        self, host: RunningHost, provider: ForgingProvider
    ) -> None:
        provider.down = True
        with host.client(provider.token()) as client:
            answer = client.get("/api/user")
        assert answer.status_code == 503
        assert answer.json()["messageId"] == "auth.provider"
        assert "Tokens of this host do." in answer.json()["message"]
        assert status(host, host.admin) == 200

    def test_where_no_audience_is_named_no_token_of_the_provider_is_taken(
        self, provider: ForgingProvider
    ) -> None:
        settings = read_oidc_settings({"issuer": provider.issuer, "client_id": CLIENT_ID}, Path())
        assert not SingleSignOn(settings, MemorySessionStore()).takes(provider.token())


class TestSettings:
    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"issuer": "http://login.example.org"}, "oidc.issuer: give the provider's address"),
            ({"client_id": "", "audience": "x"}, "oidc.client_id: is not a text"),
            ({"algorithms": ["HS256"]}, "oidc.algorithms: HS256 is not one of RS256"),
            ({"algorithms": ["none"]}, "oidc.algorithms: none is not one of"),
            ({"roles": {"staff": "King"}}, "oidc.roles.staff: 'King' is not a role"),
            ({"scopes": {"staff": ["everything"]}}, "oidc.scopes.staff: 'everything' is not a scope"),
            ({"session_lifetime": "for ever"}, "oidc.session_lifetime: give a time from 1m to 30d"),
            ({"session_lifetime": "1y"}, "oidc.session_lifetime: give a time from 1m to 30d"),
            ({"client_secret_file": "missing"}, "oidc.client_secret_file: cannot be read"),
            ({"client_secret": "hunter2"}, "oidc.client_secret: is no setting"),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused_by_name(self, changes: dict[str, Any], fault: str) -> None:
        members = {"issuer": "https://login.example.org", **SETTINGS, **changes}
        with pytest.raises(ValidationError) as caught:
            read_oidc_settings(members, Path())
        assert fault in str(caught.value)
        assert "hunter2" not in str(caught.value)

    def test_groups_may_be_anywhere_among_the_claims(self) -> None:
        claims = {"sub": "a", "https://example.org/groups": ["x"], "realm_access": {"roles": ["y", 5]}}
        assert groups_of(claims, "https://example.org/groups") == ("x",)
        assert groups_of(claims, "realm_access.roles") == ("y",)
        assert groups_of(claims, "realm_access.none.there") == ()


class TestKeySet:
    def test_the_last_keys_hold_for_six_hours_without_the_provider(self, provider: ForgingProvider) -> None:
        now = 0.0

        def read() -> Mapping[str, Any]:
            if provider.down:
                raise ProviderError("It does not answer.")
            return provider.answer("/keys")

        keys = KeySet(read, clock=lambda: now)
        assert keys.find("first", "RS256") is not None
        provider.down = True
        now = 5 * 3600.0
        assert keys.find("first", "RS256") is not None
        now = 7 * 3600.0
        with pytest.raises(ProviderError, match="does not answer"):
            keys.find("first", "RS256")
        provider.down = False
        now += 60
        assert keys.find("first", "RS256") is not None

    def test_keys_of_other_kinds_do_not_harm_those_that_can_be_used(self, provider: ForgingProvider) -> None:
        odd = [
            {"kty": "AKP", "alg": "ML-DSA-44", "kid": "a"},
            "text",
            {},
            {"kty": "RSA", "kid": "b", "n": "!"},
        ]
        keys = KeySet(lambda: {"keys": [*odd, KEY.as_dict(private=False)]})
        assert keys.find("first", "RS256") is not None
        assert keys.find("b", "RS256") is None


class Visitor:
    """A browser that does as it is told, by hand: it keeps cookies and follows nothing."""

    def __init__(self, host: RunningHost, provider: ForgingProvider) -> None:
        self.client = httpx2.Client(base_url=host.url, trust_env=False, timeout=30)
        self._provider = provider

    def start(self) -> dict[str, str]:
        """What the provider gets to see."""
        answer = self.client.get("/login/oidc")
        assert answer.status_code == 303
        place = urlsplit(answer.headers["location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == f"{self._provider.issuer}/authorize"
        return {name: values[0] for name, values in parse_qs(place.query).items()}

    def finish(self, asked: Mapping[str, str], **answer: str) -> httpx2.Response:
        return self.client.get(
            "/login/oidc/callback", params={"code": "code", "state": asked["state"], **answer}
        )

    def sign_in(self, **claims: Any) -> httpx2.Response:
        asked = self.start()
        self._provider.id_token = self._provider.token(
            **{"aud": CLIENT_ID, "nonce": asked["nonce"], **claims}
        )
        return self.finish(asked)

    def is_signed_in(self) -> bool:
        return self.client.get("/api/user", headers=HERE).status_code == 200


@pytest.fixture
def visitor(host: RunningHost, provider: ForgingProvider) -> Iterator[Visitor]:
    visitor = Visitor(host, provider)
    yield visitor
    visitor.client.close()


class TestSignIn:
    def test_goes_out_with_a_state_a_nonce_and_a_challenge_and_comes_back_to_the_page(
        self, visitor: Visitor, provider: ForgingProvider, host: RunningHost
    ) -> None:
        asked = visitor.start()
        again = visitor.start()
        assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
        assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"{host.url}/login/oidc/callback"
        done = visitor.sign_in()
        assert (done.status_code, done.headers["location"]) == (303, f"{host.url}/")
        assert visitor.is_signed_in()
        assert len(provider.forms[-1]["code_verifier"]) >= 43

    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "of another sign-in"},
            {"nonce": None},
            {"aud": AUDIENCE},
            {"aud": [CLIENT_ID, "another"]},
            {"aud": [CLIENT_ID, "another"], "azp": "another"},
            {"iss": "https://login.example.org"},
            {"exp": 1_700_000_000},
        ],
        ids=str,
    )
    def test_an_id_token_that_is_not_for_this_sign_in_signs_nobody_in(
        self, visitor: Visitor, claims: dict[str, Any]
    ) -> None:
        refused = visitor.sign_in(**claims)
        assert refused.status_code == 400
        assert "Not signed in" in refused.text
        assert not visitor.is_signed_in()

    def test_an_answer_that_was_used_is_refused_and_so_is_one_in_another_browser(
        self, visitor: Visitor, host: RunningHost, provider: ForgingProvider
    ) -> None:
        asked = visitor.start()
        provider.id_token = provider.token(aud=CLIENT_ID, nonce=asked["nonce"])
        victim = Visitor(host, provider)
        assert victim.finish(asked).status_code == 400, "a sign-in that somebody else began"
        assert not victim.is_signed_in()
        victim.start()
        assert victim.finish(asked).status_code == 400
        victim.client.close()
        assert visitor.finish(asked).status_code == 303
        replayed = visitor.finish(asked)
        assert replayed.status_code == 400
        assert "not begun in this browser" in replayed.text

    def test_a_session_that_somebody_else_chose_is_not_taken_over(self, visitor: Visitor) -> None:
        visitor.client.cookies.set("headwater-session", "hwse_" + "a" * 43, domain="127.0.0.1", path="/")
        assert not visitor.is_signed_in()
        done = visitor.sign_in()
        assert "hwse_" + "a" * 43 not in done.headers.get_list("set-cookie")[-1]

    def test_nothing_in_a_request_says_where_it_ends(
        self, visitor: Visitor, host: RunningHost, provider: ForgingProvider
    ) -> None:
        headers = {"X-Forwarded-Host": "evil.example", "Referer": "https://evil.example/"}
        visitor.client.headers.update(headers)
        asked = visitor.start()
        assert asked["redirect_uri"].startswith(host.url)
        provider.id_token = provider.token(aud=CLIENT_ID, nonce=asked["nonce"])
        evil = "https://evil.example"
        done = visitor.finish(asked, redirect_to=evil, next=evil, return_to="//evil.example", RelayState=evil)
        assert done.headers["location"] == f"{host.url}/"

    def test_an_answer_of_another_provider_is_refused(
        self, visitor: Visitor, provider: ForgingProvider
    ) -> None:
        asked = visitor.start()
        assert visitor.finish(asked, iss="https://evil.example").status_code == 400
        assert "/token" not in provider.asked

    def test_what_the_provider_says_of_its_refusal_is_no_markup_and_nobodys_advertisement(
        self, visitor: Visitor
    ) -> None:
        answer = visitor.client.get(
            "/login/oidc/callback", params={"error": "<b>x", "error_description": "Call 1-800-EVIL"}
        )
        assert answer.status_code == 400
        assert "EVIL" not in answer.text
        assert "<b>x" not in answer.text
        asked = visitor.start()
        denied = visitor.finish(asked, error="access_denied", error_description="<script>")
        assert denied.status_code == 403
        assert "script" not in denied.text
        assert denied.headers["content-security-policy"].startswith("default-src 'none'")

    def test_while_the_provider_is_down_a_page_says_so_and_sessions_go_on(
        self, visitor: Visitor, host: RunningHost, provider: ForgingProvider
    ) -> None:
        provider.down = True
        down = visitor.client.get("/login/oidc")
        assert down.status_code == 503
        assert "does not work now" in down.text
        provider.down = False
        sso = host.app.host.authenticator.sso
        assert sso is not None
        sso._provider._failed = float("-inf")
        visitor.sign_in()
        provider.down = True
        assert visitor.is_signed_in()

    def test_who_comes_back_while_the_provider_is_down_has_failed_at_nothing(
        self, visitor: Visitor, host: RunningHost, provider: ForgingProvider
    ) -> None:
        for _ in range(3):
            asked = visitor.start()
            provider.down = True
            assert visitor.finish(asked).status_code == 503
            provider.down = False
        assert visitor.sign_in().status_code == 303
        assert "headwater_failed_logins_total 0.0" in visitor.client.get("/metrics").text


class TestSessions:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {},
        ],
        ids=str,
    )
    def test_another_site_changes_nothing_with_it(
        self, visitor: Visitor, host: RunningHost, headers: dict[str, str]
    ) -> None:
        visitor.sign_in(groups=["admins"])
        body = {"name": "Evil", "type": "testdata", "uid": "evil"}
        refused = visitor.client.post("/api/datasources", json=body, headers=headers)
        assert refused.status_code == 403
        assert visitor.client.post("/logout", headers=headers).status_code == 403
        assert visitor.client.post("/api/datasources", json=body, headers=HERE).status_code == 200

    def test_another_site_reads_nothing_with_it(self, visitor: Visitor) -> None:
        visitor.sign_in()
        for site in ("cross-site", "same-site"):
            answer = visitor.client.get("/api/user", headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403

    def test_signing_out_ends_it_for_good_and_its_end_ends_it(
        self, visitor: Visitor, host: RunningHost, audit: ListedAudit
    ) -> None:
        visitor.sign_in()
        kept = dict(visitor.client.cookies)
        assert visitor.client.post("/logout", headers=HERE).status_code == 204
        assert dict(visitor.client.cookies) == {}
        visitor.client.cookies.update(kept)
        assert not visitor.is_signed_in()
        assert [(each.action, each.who) for each in audit.records][:2] == [
            ("login", "oidc:ada"),
            ("logout", "oidc:ada"),
        ]

    @pytest.mark.parametrize(
        ("root_url", "name", "path"),
        [
            ("http://127.0.0.1:3000", "headwater-session", "/"),
            ("https://data.example.org/", "__Host-headwater-session", "/"),
            ("https://data.example.org/headwater/", "__Secure-headwater-session", "/headwater/"),
        ],
    )
    def test_its_cookie_is_as_narrow_as_the_address_allows(self, root_url: str, name: str, path: str) -> None:
        response = Response()
        set_session(response, "hwse_x", root_url, 60)
        cookie = response.headers["set-cookie"]
        assert cookie.startswith(f"{name}=hwse_x; HttpOnly; Max-Age=60; Path={path}; SameSite=strict")
        assert cookie.endswith("; Secure") == root_url.startswith("https")

    def test_a_token_goes_before_it(self, visitor: Visitor, host: RunningHost) -> None:
        visitor.sign_in()
        headers = {"Authorization": f"Bearer {host.admin}", "Sec-Fetch-Site": "cross-site"}
        assert visitor.client.get("/api/user", headers=headers).json()["login"] == "admin"
        headers = {"Authorization": "Bearer wrong", **HERE}
        assert visitor.client.get("/api/user", headers=headers).status_code == 401
