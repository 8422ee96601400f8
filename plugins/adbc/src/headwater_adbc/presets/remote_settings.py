"""Settings of databases that only the network reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from attrs import frozen

from headwater.sdk import Secret, field, secret
from headwater_adbc.settings import AdbcSettings


@frozen(kw_only=True)
class FlightSQLSettings(AdbcSettings):
    """The data source's `url` is `grpc+tls://host:port`, or `grpc://host:port` in clear."""

    preset: ClassVar[str] = "headwater_adbc.presets.flightsql:FlightSQL"

    metadata: tuple[Mapping[str, str], ...] = field(
        (),
        doc='Headers of each call, each a `name` and a `value`: `[{"name": "database", "value": "sales"}]`.',
    )
    tls_skip_verify: bool = field(False, doc="Use TLS without checking the server's certificate.")
    server_name: str = field("", doc="Name that the server's certificate must carry; the host by default.")
    password: Secret | None = secret(doc="The user's password.")
    token: Secret | None = secret(doc="A bearer token, instead of user and password.")
    tls_ca_cert: Secret | None = secret(key="tlsCACert", doc="Authorities to trust, in PEM form.")
    tls_client_cert: Secret | None = secret(doc="Client certificate in PEM form.")
    tls_client_key: Secret | None = secret(doc="The client certificate's key in PEM form.")


@frozen(kw_only=True)
class SnowflakeSettings(AdbcSettings):
    """The data source's `url` is the account, such as `myorg-account1`."""

    preset: ClassVar[str] = "headwater_adbc.presets.snowflake:Snowflake"

    account: str = field("", doc="The account, if the data source has no URL.")
    warehouse: str = field("", doc="Warehouse that runs the queries.")
    role: str = field("", doc="Role of the session.")
    schema: str = field("", doc="Schema of unqualified names.")
    auth_type: Literal["password", "keyPair", "token"] = field(
        "password", doc="password, keyPair (privateKey), or token (OAuth)."
    )
    password: Secret | None = secret(doc="The user's password.")
    private_key: Secret | None = secret(doc="PKCS #8 private key in PEM form.")
    private_key_passphrase: Secret | None = secret(doc="Opens an encrypted private key.")
    token: Secret | None = secret(doc="OAuth token.")


@frozen(kw_only=True)
class BigQuerySettings(AdbcSettings):
    """Words of Grafana's BigQuery data source. The top-level `database` is the default data set."""

    preset: ClassVar[str] = "headwater_adbc.presets.bigquery:BigQuery"
    other_keys: ClassVar[tuple[str, ...]] = ("tokenUri", "clientEmail", "flatRateProject", "MaxBytesBilled")

    default_project: str = field("", doc="Project that queries are billed to.")
    processing_location: str = field("", doc="Where queries run, such as EU.")
    authentication_type: Literal["jwt", "gce"] = field(
        "jwt", doc="jwt: the service account's key below. gce: what the host's machine has."
    )
    credentials: Secret | None = secret(doc="The service account's key file, JSON.")


@frozen(kw_only=True)
class OtherSettings(AdbcSettings):
    """Any driver that the operator allows."""

    preset: ClassVar[str] = "headwater_adbc.presets.other:Other"

    driver: str = field(doc="Path of the driver's shared library, or the name of its manifest.")
    entrypoint: str = field(
        "",
        pattern=r"^(\w*[Aa][Dd][Bb][Cc]\w*)?$",
        doc="Its initialisation function, if it isn't the usual one.",
    )
    options: Mapping[str, str] = field(
        factory=dict, doc="Options of the driver's database, as its manual names them."
    )
    placeholder: Literal["?", "$1"] = field("?", doc="How the database writes placeholders.")
    uri: Secret | None = secret(doc="The driver's `uri`, where it holds a password.")
    password: Secret | None = secret(doc="The driver's `password`.")
    secret_options: Mapping[str, Secret] = secret(prefix="option.", doc="Options that are secret.")
