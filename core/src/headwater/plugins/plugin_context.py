"""`PluginContextProvider`: what a plugin is told of the caller and of its data source."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from headwater.models import DataSourceInstanceSettings, PluginContext, User
from headwater.version import __version__

from .registry import Registry, not_registered

if TYPE_CHECKING:
    from headwater.datasources import DataSource
    from headwater.network import AddressPolicy
    from headwater.secrets import Secret

    from .plugin import Plugin

__all__ = ["PluginContextProvider"]


class PluginContextProvider:
    """Builds plugin contexts. Secrets are opened here, and only here; any that cannot be fails the call.

    `decrypt` returns all secrets of a data source or raises SecretUnavailableError. `config` are the
    host's settings for plugins, under Grafana's names (`GF_SQL_ROW_LIMIT`, …). `address_policy` says which
    addresses data sources may have.
    """

    def __init__(
        self,
        registry: Registry,
        decrypt: Callable[[DataSource], Mapping[str, Secret]],
        *,
        config: Mapping[str, str] | None = None,
        namespace: str = "default",
        address_policy: AddressPolicy | None = None,
    ) -> None:
        self._registry = registry
        self._decrypt = decrypt
        self._config = dict(config or {})
        self._namespace = namespace
        self._address_policy = address_policy
        self._user_agent = f"Headwater/{__version__} ({platform.system().lower()}; {platform.machine()})"

    def get(self, plugin_id: str, user: User | None = None) -> PluginContext:
        """A context without a data source. Raises PluginNotRegisteredError."""
        return self._context(self._plugin(plugin_id), user)

    def identify(self, data_source: DataSource) -> PluginContext:
        """A context that names the data source and opens no secret."""
        return PluginContext(
            plugin_id=data_source.type,
            org_id=data_source.org_id,
            namespace=self._namespace,
            data_source_instance_settings=DataSourceInstanceSettings(
                uid=data_source.uid, name=data_source.name, type=data_source.type
            ),
        )

    def get_with_data_source(self, data_source: DataSource, user: User | None = None) -> PluginContext:
        """A context with decrypted settings. Raises PluginNotRegisteredError, SecretUnavailableError."""
        plugin = self._plugin(data_source.type)
        settings = DataSourceInstanceSettings(
            id=data_source.id,
            uid=data_source.uid,
            name=data_source.name,
            type=plugin.plugin_id,
            url=data_source.url,
            user=data_source.user,
            database=data_source.database,
            basic_auth_enabled=data_source.basic_auth,
            basic_auth_user=data_source.basic_auth_user,
            json_data=data_source.json_data,
            decrypted_secure_json_data=self._decrypt(data_source),
            version=data_source.version,
            updated=data_source.updated,
            api_version=data_source.api_version,
            address_policy=self._address_policy,
        )
        return self._context(plugin, user, settings, data_source.org_id)

    def _plugin(self, plugin_id: str) -> Plugin:
        plugin = self._registry.plugin(plugin_id)
        if plugin is None:
            raise not_registered(plugin_id)
        return plugin

    def _context(
        self,
        plugin: Plugin,
        user: User | None,
        settings: DataSourceInstanceSettings | None = None,
        org_id: int = 1,
    ) -> PluginContext:
        return PluginContext(
            plugin_id=plugin.plugin_id,
            plugin_version=plugin.version,
            org_id=org_id,
            user=user,
            data_source_instance_settings=settings,
            config=self._config,
            user_agent=self._user_agent,
            namespace=self._namespace,
            api_version=settings.api_version if settings is not None else "",
        )
