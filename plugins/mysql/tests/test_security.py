"""TLS, authentication, and what may be seen of a data source."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import DownstreamAuthError, DownstreamConnectionError, ValidationError
from headwater.sdk import CallContext, Secret
from servers.certificates import SERVER_NAME
from servers.mysql_checks import DataSourceFactory, query
from servers.mysql_family import DatabaseServer


def pem(path: Any) -> Secret:
    return Secret(path.read_text())


def cipher(
    open_data_source: DataSourceFactory, server: DatabaseServer, context: CallContext, **settings: Any
) -> str:
    """The TLS version that the server sees; empty without TLS."""
    data_source = open_data_source(server, **settings)
    sql = "SHOW SESSION STATUS LIKE 'Ssl_version'"
    (row,) = query(data_source, sql, context).read_all().to_pylist()
    return str(row["Value"])


def test_there_is_no_tls_unless_asked_for(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    assert cipher(open_data_source, server, context) == ""


def test_the_server_is_verified_with_the_given_authority(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    authority = pem(server.certificates.authority)
    assert (
        cipher(open_data_source, server, context, tls_auth_with_ca_cert=True, tls_ca_cert=authority)
        == "TLSv1.3"
    )


def test_another_authority_is_refused(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    stranger = pem(server.certificates.stranger)
    with pytest.raises(DownstreamConnectionError, match="certificate is not accepted"):
        cipher(open_data_source, server, context, tls_auth_with_ca_cert=True, tls_ca_cert=stranger)


def test_without_an_authority_the_systems_count(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    with pytest.raises(DownstreamConnectionError, match="certificate is not accepted"):
        cipher(open_data_source, server, context, tls_mode="required")


def test_the_servers_name_must_match(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    trusted = {"tls_auth_with_ca_cert": True, "tls_ca_cert": pem(server.certificates.authority)}
    assert cipher(open_data_source, server, context, **trusted, server_name=SERVER_NAME) == "TLSv1.3"
    with pytest.raises(DownstreamConnectionError, match="certificate is not accepted"):
        cipher(open_data_source, server, context, **trusted, server_name="other.headwater.test")


def test_verification_is_skipped_only_if_asked_for(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    assert cipher(open_data_source, server, context, tls_skip_verify=True) == "TLSv1.3"


def test_a_client_certificate_is_presented(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute(
        "DROP USER IF EXISTS certified",
        "CREATE USER certified IDENTIFIED BY 'p' REQUIRE X509",
        "GRANT SELECT ON *.* TO certified",
    )
    account = {"user": "certified", "password": "p"}
    trusted = {"tls_auth_with_ca_cert": True, "tls_ca_cert": pem(server.certificates.authority)}
    certificate = {
        "tls_auth": True,
        "tls_client_cert": pem(server.certificates.client),
        "tls_client_key": pem(server.certificates.client_key),
    }
    with pytest.raises(DownstreamAuthError):
        cipher(open_data_source, server, context, **account, **trusted)
    assert cipher(open_data_source, server, context, **account, **trusted, **certificate) == "TLSv1.3"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tls_auth_with_ca_cert": True}, "tlsCACert"),
        ({"tls_auth_with_ca_cert": True, "tls_ca_cert": Secret("not a certificate")}, "tlsCACert"),
        ({"tls_auth": True}, "tlsClientCert"),
        ({"tls_auth": True, "tls_client_cert": Secret("x"), "tls_client_key": Secret("y")}, "tlsClientCert"),
    ],
)
def test_certificates_that_are_missing_or_malformed_are_named(
    open_data_source: DataSourceFactory, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError, match=f"secureJsonData.{field}"):
        open_data_source(url="db:3306", **settings)


def test_a_unix_socket_is_an_address_too(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, url=str(server.socket))
    assert query(data_source, "SELECT 1 AS a", context).read_all().num_rows == 1


def test_an_account_without_a_password_can_log_in(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute("DROP USER IF EXISTS open_door", "CREATE USER open_door IDENTIFIED BY ''")
    data_source = open_data_source(server, user="open_door", password="", database="")
    assert query(data_source, "SELECT 1 AS a", context).read_all().num_rows == 1


@pytest.mark.parametrize("settings", [{}, {"tls_skip_verify": True}], ids=["plain", "tls"])
def test_caching_sha2_works_at_first_and_from_the_cache(
    mysql_server: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    settings: dict[str, Any],
) -> None:
    mysql_server.execute(
        "DROP USER IF EXISTS sha2",
        "CREATE USER sha2 IDENTIFIED WITH caching_sha2_password BY 'größe'",
    )
    for _ in range(2):
        data_source = open_data_source(mysql_server, user="sha2", password="größe", database="", **settings)
        assert query(data_source, "SELECT 1 AS a", context).read_all().num_rows == 1


def test_the_database_of_the_settings_comes_before_the_one_beside_them(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    from headwater.models import DataSourceInstanceSettings
    from headwater_mysql.handshake import Target
    from headwater_mysql.settings import MySQLSettings

    instance = DataSourceInstanceSettings(
        uid="u", name="n", type="mysql", url="db", user="u", database="outer"
    )
    assert Target.of(MySQLSettings(database="inner"), instance).database == "inner"
    assert Target.of(MySQLSettings(), instance).database == "outer"
    (row,) = query(open_data_source(server), "SELECT DATABASE() AS d", context).read_all().to_pylist()
    assert row == {"d": server.database}


def test_a_user_is_needed(open_data_source: DataSourceFactory) -> None:
    with pytest.raises(ValidationError, match="user"):
        open_data_source(url="db:3306", user="")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "[fe80::1]", "[::ffff:169.254.169.254]", "0"]
)
def test_an_address_that_no_data_source_has_is_not_connected_to(
    open_data_source: DataSourceFactory, context: CallContext, host: str
) -> None:
    data_source = open_data_source(url=f"{host}:3306", user="u")
    with pytest.raises(DownstreamConnectionError, match="does not connect to") as caught:
        query(data_source, "SELECT 1", context)
    assert caught.value.status == 403
