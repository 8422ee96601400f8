"""Snowflake. Its settings are tested, no account was at hand."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.errors import ValidationError
from headwater.sdk.sql import ReadStatements
from headwater_adbc.driver import bundled
from headwater_adbc.preset import Preset
from headwater_adbc.presets.flightsql import FlightSQL
from headwater_adbc.presets.remote_settings import SnowflakeSettings

_AUTH_TYPES = {"password": "auth_snowflake", "keyPair": "auth_jwt", "token": "auth_oauth"}


class Snowflake(Preset[SnowflakeSettings]):
    """Snowflake has no read-only session: give the data source a role that only reads."""

    title = "Snowflake"
    reads = ReadStatements(first_words=frozenset({"SELECT", "VALUES", "SHOW", "DESCRIBE", "DESC"}))
    version_sql = 'SELECT CURRENT_VERSION() AS "version"'
    catalog: Mapping[str, str] = FlightSQL.catalog

    def options(self, seconds: float) -> dict[str, str]:
        settings = self.settings
        account = settings.account or self.instance.url
        if not account:
            raise ValidationError("the account is needed, such as myorg-account1", path="url")
        key = settings.private_key
        if settings.auth_type == "keyPair" and not key:
            raise ValidationError("is missing", path="secureJsonData.privateKey")
        prefix = "adbc.snowflake.sql."
        secrets = {
            "password": settings.password,
            prefix + "client_option.jwt_private_key_pkcs8_value": key,
            prefix + "client_option.jwt_private_key_pkcs8_password": settings.private_key_passphrase,
            prefix + "client_option.auth_token": settings.token,
        }
        options = {
            "driver": bundled("adbc_driver_snowflake", "snowflake"),
            "username": self.instance.user,
            prefix + "account": account,
            prefix + "db": self.instance.database,
            prefix + "schema": settings.schema,
            prefix + "warehouse": settings.warehouse,
            prefix + "role": settings.role,
            prefix + "auth_type": _AUTH_TYPES[settings.auth_type],
            prefix + "client_option.login_timeout": f"{seconds:g}s",
            **{key: value.reveal() for key, value in secrets.items() if value},
        }
        return {key: value for key, value in options.items() if value}
