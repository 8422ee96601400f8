from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from headwater import InMemoryRegistry, Secret
from headwater.datasources import DataSource
from headwater.errors import PluginNotRegisteredError, SecretUnavailableError
from headwater.models import User
from headwater.network import AddressPolicy
from headwater.plugins import CorePlugin, PluginContextProvider

STORED = DataSource(
    uid="u",
    name="My source",
    type="alias",
    id=7,
    org_id=3,
    url="http://db",
    user="reader",
    database="prod",
    basic_auth=True,
    basic_auth_user="basic",
    api_version="v1",
    json_data={"tls": True},
    version=4,
    updated=datetime(2024, 1, 1, tzinfo=UTC),
)


def no_plugin_here() -> object:
    raise AssertionError("a context needs no import")


@pytest.fixture
def registry() -> InMemoryRegistry:
    registry = InMemoryRegistry()
    registry.add(CorePlugin("plugin", no_plugin_here, version="1.2"), aliases=("alias",))
    return registry


def test_a_context_tells_everything_about_caller_and_data_source(registry: InMemoryRegistry) -> None:
    secrets = {"password": Secret("hunter2")}
    policy = AddressPolicy(deny=("10.0.0.0/8",))
    provider = PluginContextProvider(
        registry, lambda _: secrets, config={"GF_SQL_ROW_LIMIT": "9"}, namespace="host", address_policy=policy
    )
    context = provider.get_with_data_source(STORED, User(login="ada"))
    assert (context.plugin_id, context.plugin_version, context.org_id) == ("plugin", "1.2", 3)
    assert (context.user, context.namespace) == (User(login="ada"), "host")
    assert context.config == {"GF_SQL_ROW_LIMIT": "9"}
    assert context.user_agent.startswith("Headwater/0.1.0 (")
    settings = context.data_source_instance_settings
    assert settings is not None
    told = attrs.asdict(settings, recurse=False)
    assert told == {
        "uid": "u", "name": "My source", "type": "plugin", "id": 7, "url": "http://db", "user": "reader",
        "database": "prod", "basic_auth_enabled": True, "basic_auth_user": "basic",
        "json_data": {"tls": True}, "decrypted_secure_json_data": secrets, "version": 4,
        "updated": STORED.updated, "api_version": "v1", "address_policy": policy,
    }  # fmt: skip


def test_secrets_that_cannot_be_opened_fail_the_call(registry: InMemoryRegistry) -> None:
    def locked(_: DataSource) -> dict[str, Secret]:
        raise SecretUnavailableError("password is sealed with key 'old', which is missing")

    provider = PluginContextProvider(registry, locked)
    with pytest.raises(SecretUnavailableError, match="key 'old'"):
        provider.get_with_data_source(STORED)


def test_identifying_a_data_source_opens_no_secret(registry: InMemoryRegistry) -> None:
    def locked(_: DataSource) -> dict[str, Secret]:
        raise AssertionError("opened")

    context = PluginContextProvider(registry, locked, namespace="host").identify(STORED)
    assert context.data_source_instance_settings is not None
    assert (context.namespace, context.org_id, context.data_source_instance_settings.uid) == ("host", 3, "u")


def test_an_unknown_plugin_is_named(registry: InMemoryRegistry) -> None:
    provider = PluginContextProvider(registry, lambda _: {})
    with pytest.raises(PluginNotRegisteredError, match="'nobody' is not registered"):
        provider.get("nobody")
