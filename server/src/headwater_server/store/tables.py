"""The tables, as of the newest migration. Times are microseconds since 1970 in UTC, exact on every
database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from headwater.datasources import PLAIN_FIELDS


def exact(length: int) -> TypeEngine[str]:
    """Text that compares byte for byte; MySQL's default collation takes `Ä` and `a` for the same name."""
    collated = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(collated, "mysql", "mariadb")


LONG_TEXT = Text().with_variant(
    mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
LONG_BYTES = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")

_RESERVED_WORDS = {"user": "login", "database": "database_name"}
COLUMN_NAMES = {each.name: _RESERVED_WORDS.get(each.name, each.name) for each in PLAIN_FIELDS}
"""The column of each plain field of a data source."""

metadata = MetaData()

data_source = Table(
    "headwater_data_source",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("org_id", Integer, nullable=False),
    Column("uid", exact(40), nullable=False),
    *(
        Column(
            COLUMN_NAMES[each.name],
            exact(each.max_length) if each.kind is str else Boolean(),
            nullable=False,
        )
        for each in PLAIN_FIELDS
    ),
    Column("json_data", LONG_TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("org_id", "uid", name="headwater_data_source_uid"),
    UniqueConstraint("org_id", "name", name="headwater_data_source_name"),
    sqlite_autoincrement=True,
)

data_key = Table(
    "headwater_data_key",
    metadata,
    Column(
        "data_source_id",
        ForeignKey("headwater_data_source.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("dek_id", exact(32), primary_key=True),
    Column("kek_id", exact(64), nullable=False),
    Column("wrapped", LONG_BYTES, nullable=False),
    UniqueConstraint("dek_id", name="headwater_data_key_dek_id"),
)

secret = Table(
    "headwater_secret",
    metadata,
    Column(
        "data_source_id",
        ForeignKey("headwater_data_source.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("name", exact(190), primary_key=True),
    Column("record", LONG_BYTES, nullable=False),
)

encryption_key = Table(
    "headwater_encryption_key",
    metadata,
    Column("id", exact(64), primary_key=True),
    Column("state", exact(16), nullable=False),
    Column("check_record", LONG_BYTES, nullable=False),
    Column("created", BigInteger, nullable=False),
)

revision = Table(
    "headwater_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)
"""One row. Every write takes its next value first, and so all writes of all processes happen one after
another."""

api_token = Table(
    "headwater_api_token",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", exact(190), nullable=False),
    Column("digest", exact(64), nullable=False),
    Column("role", exact(16), nullable=False),
    Column("scopes", LONG_TEXT, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=True),
    Column("last_used", BigInteger, nullable=True),
    Column("revoked", BigInteger, nullable=True),
    UniqueConstraint("name", name="headwater_api_token_name"),
    UniqueConstraint("digest", name="headwater_api_token_digest"),
    sqlite_autoincrement=True,
)
"""`digest` is the SHA-256 of the token in hexadecimal; the token itself is nowhere."""

named_query = Table(
    "headwater_named_query",
    metadata,
    Column("query_id", exact(40), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", LONG_TEXT, nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("updated_by", exact(190), nullable=False),
)
"""A row for each version that is kept; the newest is the query."""

session = Table(
    "headwater_session",
    metadata,
    Column("digest", exact(64), primary_key=True),
    Column("subject", exact(190), nullable=False),
    Column("name", exact(190), nullable=False),
    Column("groups_json", LONG_TEXT, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)
"""Who is signed in on the page. `digest` is the SHA-256 of what the cookie holds, in hexadecimal."""
