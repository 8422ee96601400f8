"""API tokens: their form, where they are kept, and the Authenticator that knows them."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest
from hypothesis import given, strategies as st

from headwater.errors import StoreError, ValidationError
from headwater.secrets import Secret
from headwater_server.auth import (
    Action,
    AuthenticationError,
    Authenticator,
    MemoryTokenStore,
    Principal,
    Role,
    Scope,
    TokenStore,
    new_token,
)
from headwater_server.auth.authenticator import first_admin_token
from headwater_server.auth.sql_tokens import SqlTokenStore
from headwater_server.auth.token_store import ApiToken, TokenExistsError, TokenNotFoundError
from headwater_server.auth.tokens import digest_of
from headwater_server.http import app
from headwater_server.store import SqlStore
from servers.http_host import RunningHost, add_token, eventually

if TYPE_CHECKING:
    from headwater_server.auth.oidc import SingleSignOn

HostFactory = Callable[..., RunningHost]
R = TypeVar("R")


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TokenStore]:
    if request.param == "memory":
        yield MemoryTokenStore()
        return
    database = SqlStore.open(f"sqlite:///{tmp_path / 'headwater.db'}")
    yield SqlTokenStore(database.engine)
    database.close()


async def at_once(look_up: Callable[[], R]) -> R:
    return look_up()


def authenticate(authenticator: Authenticator, header: str | None) -> Principal:
    asked: Awaitable[Principal] = authenticator.authenticate(header, at_once)

    async def run() -> Principal:
        return await asked

    return asyncio.run(run())


# --- the form of a token ---------------------------------------------------------------------------


def test_a_token_has_a_prefix_256_bits_and_a_checksum() -> None:
    text = new_token().secret.reveal()
    assert text.startswith("hwsa_")
    assert len(base64.urlsafe_b64decode(text[5:48] + "=")) == 32
    assert len(text) == 5 + 43 + 1 + 8


def test_a_token_does_not_show_itself() -> None:
    made = new_token()
    assert made.secret.reveal() not in f"{made} {made!r} {made.secret}"


def test_any_changed_character_makes_it_no_token() -> None:
    """The checksum catches slips of the pen before any look-up."""
    text = new_token().secret.reveal()
    assert digest_of(text) is not None
    for place in range(len(text)):
        changed = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        assert digest_of(changed) is None


@given(st.text(max_size=80))
def test_text_that_is_no_token_has_no_digest(text: str) -> None:
    assert digest_of(text) is None


# --- scopes and roles ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*Action, "datasources:query:demo", "datasources:read:a_B-9"])
def test_a_scope_is_written_as_it_is_read(text: str) -> None:
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "datasources", "datasources:*", "datasources:query:", "datasources:query:a/b", "secrets:write:demo",
     "datasources:query:demo:x", "DATASOURCES:READ"],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Scope.parse(text)


def test_who_gives_no_scope_reads_which_there_are() -> None:
    with pytest.raises(ValidationError, match=r"datasources:read\[:UID\], .*secrets:write"):
        Scope.parse("datasources")


def test_a_scope_for_one_data_source_is_not_one_for_another_or_for_all() -> None:
    principal = Principal.of("p", "p", None, [Scope.parse("datasources:query:demo")])
    assert principal.may(Action.QUERY, "demo")
    assert not principal.may(Action.QUERY, "demo2")
    assert not principal.may(Action.QUERY)
    assert not principal.may(Action.READ, "demo")


def test_roles_hold_more_from_viewer_to_admin() -> None:
    assert Role.VIEWER.scopes < Role.EDITOR.scopes < Role.ADMIN.scopes
    assert {scope.action for scope in Role.VIEWER.scopes} == {Action.QUERY, Action.RUN_QUERIES}


# --- stores ----------------------------------------------------------------------------------------


def test_a_store_keeps_everything_but_the_token(store: TokenStore) -> None:
    expires = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    text = add_token(store, "grafana", "datasources:query:demo", role=Role.VIEWER, expires=expires)
    digest = digest_of(text)
    assert digest is not None
    found = store.find(digest)
    assert found is not None
    assert (found.name, found.role, found.expires) == ("grafana", Role.VIEWER, expires)
    assert found.scopes == (Scope(Action.QUERY, "demo"),)
    assert text not in repr(found)


def test_a_name_is_taken_even_by_a_revoked_token(store: TokenStore) -> None:
    add_token(store, "a", role=Role.VIEWER)
    store.revoke("a")
    with pytest.raises(TokenExistsError):
        add_token(store, "a", role=Role.VIEWER)


def test_tokens_are_listed_by_name_and_revoked_by_name(store: TokenStore) -> None:
    add_token(store, "b", role=Role.VIEWER)
    add_token(store, "a", role=Role.VIEWER)
    store.revoke("b")
    revoked_at = store.list()[1].revoked
    store.revoke("b")
    states = {each.name: each.refusal(datetime.now(UTC)) for each in store.list()}
    assert list(states.items()) == [("a", ""), ("b", "revoked")]
    assert store.list()[1].revoked == revoked_at
    with pytest.raises(TokenNotFoundError):
        store.revoke("c")


@pytest.mark.parametrize("name", ["", " a", "a\n", "x" * 191])
def test_names_that_nobody_could_type_are_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(ValidationError):
        add_token(store, name, role=Role.VIEWER)


def test_only_the_first_start_makes_an_admin_token(store: TokenStore) -> None:
    made = first_admin_token(store)
    assert made is not None
    assert authenticate(Authenticator(store), f"Bearer {made.reveal()}").role is Role.ADMIN
    assert first_admin_token(store) is None
    store.revoke("admin")
    assert first_admin_token(store) is None


# --- the authenticator -----------------------------------------------------------------------------


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a test takes, tokens stay remembered."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)


def test_a_token_is_noted_as_used_at_most_once_a_minute(store: TokenStore) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store, clock=lambda: now)
    for seconds in (0, 30, 61):
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        authenticate(authenticator, f"Bearer {text}")
        authenticator.note_last_used()
        noted = store.list()[0].last_used
        assert noted is not None
        assert noted == datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds if seconds != 30 else 0)


@pytest.mark.usefixtures("stopped_clock")
def test_an_expired_token_is_refused_from_that_moment(store: TokenStore) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    text = add_token(store, "a", role=Role.VIEWER, expires=now + timedelta(seconds=10))
    authenticator = Authenticator(store, clock=lambda: now)
    known = authenticate(authenticator, f"Bearer {text}")
    assert authenticator.recognise(f"Bearer {text}") == known
    now += timedelta(seconds=10)
    assert authenticator.recognise(f"Bearer {text}") is None
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, f"Bearer {text}")


def test_a_revoked_token_is_refused_once_it_is_looked_up_again(store: TokenStore) -> None:
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store)
    authenticate(authenticator, f"Bearer {text}")
    store.revoke("a")
    authenticator.forget()
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, f"Bearer {text}")


class CountedLookUps(MemoryTokenStore):
    """How often the store was asked, and what it was told of use."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.touched: list[set[bytes]] = []

    def find(self, digest: bytes) -> ApiToken | None:
        self.asked += 1
        return super().find(digest)

    def touch(self, used: Mapping[bytes, datetime]) -> None:
        self.touched.append(set(used))
        super().touch(used)


class FailingFirst(CountedLookUps):
    """Loses its connection, and has it again."""

    failures = 2

    def touch(self, used: Mapping[bytes, datetime]) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("The store does not answer.")
        super().touch(used)


def test_a_token_is_looked_up_once_in_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    store = CountedLookUps()
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store)

    looked_up = []
    for later in (0.0, 4.9, 0.1, 4.9):
        now += later
        assert authenticate(authenticator, f"Bearer {text}").id == "token:a"
        looked_up.append(store.asked)

    assert looked_up == [1, 1, 2, 2]


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {} "])
def test_who_was_just_let_in_is_recognised_by_the_same_header(form: str) -> None:
    store = CountedLookUps()
    header = form.format(add_token(store, "a", role=Role.VIEWER))
    authenticator = Authenticator(store)

    assert authenticator.recognise(header) is None
    let_in = authenticate(authenticator, header)
    assert authenticator.recognise(header) == let_in
    assert store.asked == 1
    authenticator.forget()
    assert authenticator.recognise(header) is None


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("form", ["Basic {}", "Digest {}", "Bearer, {}", "{}", " {}", ""])
def test_a_remembered_token_opens_nothing_under_another_scheme(form: str) -> None:
    store = MemoryTokenStore()
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store)
    authenticate(authenticator, f"Bearer {text}")

    assert authenticator.recognise(form.format(text)) is None
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, form.format(text))


def test_a_token_revoked_elsewhere_is_refused_after_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    store = MemoryTokenStore()
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store)
    authenticate(authenticator, f"Bearer {text}")

    store.revoke("a")
    now += 5
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, f"Bearer {text}")


def test_of_ten_thousand_remembered_tokens_the_first_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_server.auth.authenticator._CACHED_TOKENS", 2)
    store = CountedLookUps()
    texts = [add_token(store, name, role=Role.VIEWER) for name in "abc"]
    authenticator = Authenticator(store)
    for text in texts:
        authenticate(authenticator, f"Bearer {text}")

    authenticate(authenticator, f"Bearer {texts[2]}")
    authenticate(authenticator, f"Bearer {texts[1]}")
    assert store.asked == 3
    authenticate(authenticator, f"Bearer {texts[0]}")
    assert store.asked == 4


def test_an_idle_token_makes_room_before_one_that_was_just_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr("headwater_server.auth.authenticator._CACHED_TOKENS", 2)
    store = CountedLookUps()
    busy, idle, new = (add_token(store, name, role=Role.VIEWER) for name in "abc")
    authenticator = Authenticator(store)
    authenticate(authenticator, f"Bearer {busy}")
    authenticate(authenticator, f"Bearer {idle}")

    now += 5
    authenticate(authenticator, f"Bearer {busy}")
    authenticate(authenticator, f"Bearer {new}")

    assert store.asked == 4
    authenticate(authenticator, f"Bearer {busy}")
    assert store.asked == 4


@pytest.mark.usefixtures("stopped_clock")
def test_a_token_that_is_recognised_was_used() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryTokenStore()
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store, clock=lambda: now)
    authenticate(authenticator, f"Bearer {text}")
    authenticator.note_last_used()

    now += timedelta(minutes=1)
    assert authenticator.recognise(f"Bearer {text}") is not None
    authenticator.note_last_used()

    assert store.list()[0].last_used == now


def test_a_use_that_is_written_late_keeps_its_time() -> None:
    used = now = datetime(2026, 1, 1, tzinfo=UTC)
    store = FailingFirst()
    text = add_token(store, "a", role=Role.VIEWER)
    authenticator = Authenticator(store, clock=lambda: now)
    authenticate(authenticator, f"Bearer {text}")

    for _ in range(store.failures):
        now += timedelta(seconds=10)
        with pytest.raises(StoreError):
            authenticator.note_last_used()
    authenticator.note_last_used()

    assert store.list()[0].last_used == used


def test_only_tokens_that_were_used_are_noted() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = CountedLookUps()
    first, second = (add_token(store, name, role=Role.VIEWER) for name in "ab")
    authenticator = Authenticator(store, clock=lambda: now)

    authenticator.note_last_used()
    assert store.touched == []
    authenticate(authenticator, f"Bearer {first}")
    authenticator.note_last_used()
    authenticator.note_last_used()
    now += timedelta(seconds=59)
    authenticate(authenticator, f"Bearer {first}")
    authenticate(authenticator, f"Bearer {second}")
    authenticator.note_last_used()
    authenticate(authenticator, f"Bearer {first}")
    authenticator.note_last_used()
    assert store.touched == [{digest_of(first)}, {digest_of(second)}]
    now += timedelta(seconds=1)
    authenticate(authenticator, f"Bearer {first}")
    authenticator.note_last_used()

    assert store.touched == [{digest_of(first)}, {digest_of(second)}, {digest_of(first)}]


def test_a_store_that_fails_for_a_while_is_told_later_which_tokens_were_used(
    make_host: HostFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = FailingFirst()
    text = add_token(store, "a", role=Role.VIEWER)
    monkeypatch.setattr(app, "_LAST_USED_SECONDS", 0.05)
    with make_host(authenticator=Authenticator(store)).client(token=text) as client:
        assert client.get("/api/org").status_code == 200
        assert eventually(lambda: store.failures == 0 and store.touched == [{digest_of(text)}])
    assert "When tokens were last used could not be written." in caplog.text


def test_a_store_that_finds_another_token_opens_nothing() -> None:
    class Wrong(MemoryTokenStore):
        def find(self, digest: bytes) -> ApiToken | None:
            return self.list()[0]

    store = Wrong()
    add_token(store, "a", role=Role.ADMIN)
    with pytest.raises(AuthenticationError):
        authenticate(Authenticator(store), f"Bearer {new_token().secret.reveal()}")


class Provider:
    """Single sign-on that knows one access token and one session, whose caller may have lost all rights."""

    def __init__(self, signed_in: Principal | None) -> None:
        self._signed_in = signed_in

    def takes(self, text: str) -> bool:
        return text.startswith("ey")

    def by_token(self, text: str) -> Principal | None:
        return self._signed_in if text == "eyKnown" else None

    def find_session(self, session_id: str) -> str | None:
        return "kept" if session_id == "known" else None

    def by_session(self, session: str) -> Principal | None:
        assert session == "kept"
        return self._signed_in


ADA = Principal.of("sso:ada", "ada", Role.EDITOR)


def signed_in(provider: Provider | None, header: str | None, session: str, **more: Any) -> Principal:
    authenticator = Authenticator(MemoryTokenStore(), sso=cast("SingleSignOn | None", provider), **more)
    asked = authenticator.authenticate(header, at_once, session_id=session)

    async def run() -> Principal:
        return await asked

    return asyncio.run(run())


def test_an_access_token_or_a_session_of_the_provider_says_who_asks() -> None:
    assert signed_in(Provider(ADA), "Bearer eyKnown", "") is ADA
    assert signed_in(Provider(ADA), None, "known") is ADA


@pytest.mark.parametrize(
    ("provider", "header", "session"),
    [
        (Provider(ADA), "Bearer eyUnknown", ""),
        (Provider(ADA), "Bearer eyUnknown", "known"),
        (Provider(ADA), "Bearer wrong", "known"),
        (Provider(ADA), None, "unknown"),
        (Provider(ADA), None, ""),
        (Provider(None), "Bearer eyKnown", ""),
        (Provider(None), None, "known"),
        (None, "Bearer eyKnown", ""),
        (None, None, "known"),
    ],
)
def test_whom_the_provider_does_not_know_is_nobody(
    provider: Provider | None, header: str | None, session: str
) -> None:
    with pytest.raises(AuthenticationError, match=r"^Unauthorized$"):
        signed_in(provider, header, session)


def test_a_caller_without_credentials_is_looked_up_nowhere() -> None:
    """So nobody waits for a store or a thread on the way to what is open to all."""

    async def never(look_up: Callable[[], R]) -> R:
        raise AssertionError("something was looked up")

    authenticator = Authenticator(
        MemoryTokenStore(), sso=cast("SingleSignOn", Provider(ADA)), anonymous=Role.VIEWER
    )
    assert asyncio.run(authenticator.authenticate(None, never)).anonymous


def test_a_session_that_ended_leaves_an_anonymous_caller() -> None:
    assert signed_in(Provider(ADA), None, "unknown", anonymous=Role.VIEWER).anonymous
    assert signed_in(Provider(ADA), None, "known", anonymous=Role.VIEWER) is ADA


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_the_admin_may_use_a_password() -> None:
    authenticator = Authenticator(MemoryTokenStore(), admin_password=Secret("pässword"))
    assert authenticate(authenticator, basic("admin", "pässword")) == Principal.of(
        "user:admin", "admin", Role.ADMIN
    )


def test_the_admin_may_be_called_otherwise() -> None:
    authenticator = Authenticator(MemoryTokenStore(), admin_password=Secret("p"), admin_name="root")
    assert authenticate(authenticator, basic("root", "p")) == Principal.of("user:root", "root", Role.ADMIN)
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, basic("admin", "p"))


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_name_of_the_scheme_may_be_in_any_case(scheme: str) -> None:
    store = MemoryTokenStore()
    text = add_token(store, "a", role=Role.VIEWER)
    assert authenticate(Authenticator(store), f"{scheme} {text} ").id == "token:a"


def test_a_password_may_hold_a_colon_and_its_base64_nothing_else() -> None:
    authenticator = Authenticator(MemoryTokenStore(), admin_password=Secret("a:b"))
    header = basic("admin", "a:b")

    assert authenticate(authenticator, header).role is Role.ADMIN
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, header[:-4] + "!" + header[-4:])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer hwsa_x",
        "Basic",
        "Basic !!!",
        basic("admin", ""),
        basic("admin", "wrong"),
        basic("root", "pässword"),
        basic("api_key", "wrong"),
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Digest x",
    ],
)
def test_everybody_else_is_nobody_in_the_same_words(header: str | None) -> None:
    authenticator = Authenticator(MemoryTokenStore(), admin_password=Secret("pässword"))
    with pytest.raises(AuthenticationError, match=r"^Unauthorized$"):
        authenticate(authenticator, header)


def test_without_a_password_there_is_no_basic_auth() -> None:
    authenticator = Authenticator(MemoryTokenStore(), admin_password=Secret(""))
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, basic("admin", ""))


def test_a_token_may_come_as_the_password_of_api_key() -> None:
    store = MemoryTokenStore()
    text = add_token(store, "a", role=Role.VIEWER)
    assert authenticate(Authenticator(store), basic("api_key", text)).id == "token:a"


def test_callers_without_credentials_may_be_given_a_role() -> None:
    authenticator = Authenticator(MemoryTokenStore(), anonymous=Role.VIEWER)
    nobody = authenticate(authenticator, None)
    assert nobody == Principal("anonymous", "anonymous", Role.VIEWER, Role.VIEWER.scopes, anonymous=True)
    assert nobody.may(Action.QUERY, "demo")
    with pytest.raises(AuthenticationError):
        authenticate(authenticator, "Bearer wrong")
