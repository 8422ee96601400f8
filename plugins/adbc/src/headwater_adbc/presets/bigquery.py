"""BigQuery. Its settings are tested, no account was at hand."""

from __future__ import annotations

from headwater.errors import ValidationError
from headwater.sdk.sql import Dialect, ReadStatements, StandardMacros
from headwater_adbc.driver import bundled
from headwater_adbc.preset import Preset
from headwater_adbc.presets.remote_settings import BigQuerySettings

DIALECT = Dialect(quotes="'\"`", backslash_escapes="'\"`", hash_comments=True)


class BigQuery(Preset[BigQuerySettings]):
    """BigQuery has no read-only session: give the service account roles that only read."""

    title = "BigQuery"
    dialect = DIALECT
    reads = ReadStatements(first_words=frozenset({"SELECT"}), explains=frozenset())
    macros = StandardMacros(DIALECT)

    def options(self, seconds: float) -> dict[str, str]:
        del seconds
        settings = self.settings
        if not settings.default_project:
            raise ValidationError("the project is needed", path="jsonData.defaultProject")
        prefix = "adbc.bigquery.sql."
        options = {
            "driver": bundled("adbc_driver_bigquery", "bigquery"),
            prefix + "project_id": settings.default_project,
            prefix + "dataset_id": self.instance.database,
            prefix + "location": settings.processing_location,
        }
        if settings.authentication_type == "jwt":
            if not settings.credentials:
                raise ValidationError("is missing", path="secureJsonData.credentials")
            options[prefix + "auth_type"] = prefix + "auth_type.json_credential_string"
            options[prefix + "auth_credentials"] = settings.credentials.reveal()
        return {key: value for key, value in options.items() if value}
