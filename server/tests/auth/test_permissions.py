"""Scopes and roles: what they are called, and what each lets its holder do."""

from __future__ import annotations

import pytest

from headwater.errors import ValidationError
from headwater.models import User
from headwater_server.auth import Action, Principal, Role, Scope

ROLES = {
    Role.VIEWER: {Action.QUERY, Action.RUN_QUERIES},
    Role.EDITOR: {
        Action.QUERY, Action.READ, Action.RUN_QUERIES, Action.READ_QUERIES, Action.WRITE_QUERIES,
    },
    Role.ADMIN: set(Action),
}  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_its_actions_everywhere_and_nothing_else(role: Role) -> None:
    principal = Principal.of("p", "p", role)
    assert {action for action in Action if principal.may(action)} == ROLES[role]
    assert {action for action in Action if principal.may(action, "demo")} == ROLES[role]
    assert {action for action in Action if principal.may_somewhere(action)} == ROLES[role]


def test_scopes_add_to_a_role() -> None:
    principal = Principal.of("token:a", "a", Role.VIEWER, [Scope(Action.WRITE, "demo")])

    assert (principal.id, principal.name, principal.role) == ("token:a", "a", Role.VIEWER)
    assert not principal.anonymous
    assert principal.may(Action.WRITE, "demo")
    assert principal.may(Action.QUERY)
    assert principal.may_somewhere(Action.WRITE)
    assert not principal.may(Action.WRITE)


def test_without_a_role_there_are_the_scopes_alone() -> None:
    principal = Principal.of("p", "p", None, [Scope(Action.READ)])
    assert [action for action in Action if principal.may_somewhere(action)] == [Action.READ]


@pytest.mark.parametrize("text", ["viewer", "VIEWER", "Viewer"])
def test_a_role_is_read_in_any_case(text: str) -> None:
    assert Role.parse(text) is Role.VIEWER


def test_what_is_no_role_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValidationError) as caught:
        Role.parse("Owner")
    assert caught.value.path == "role"
    assert caught.value.message.endswith("'Owner' is not a role; roles are Viewer, Editor, Admin")


def test_what_is_no_scope_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValidationError) as caught:
        Scope.parse("alerts:read")
    assert caught.value.path == "scope"
    assert caught.value.message.endswith(
        "'alerts:read' is not a scope; scopes are datasources:read[:UID], datasources:write[:UID], "
        "datasources:query[:UID], secrets:write, queries:read[:UID], queries:write[:UID], queries:run[:UID]"
    )


@pytest.mark.parametrize(
    ("action", "noun"),
    [
        (Action.READ, " to data source"),
        (Action.QUERY, " to data source"),
        (Action.RUN_QUERIES, " to named query"),
        (Action.WRITE_SECRETS, ""),
    ],
)
def test_a_refusal_names_what_access_is_denied_to(action: Action, noun: str) -> None:
    assert action.noun == noun


@pytest.mark.parametrize(("role", "shown"), [(Role.EDITOR, "Editor"), (None, "")])
def test_plugins_see_the_name_and_role_of_who_asks(role: Role | None, shown: str) -> None:
    assert Principal.of("user:ada", "ada", role).user == User(login="ada", name="ada", role=shown)
