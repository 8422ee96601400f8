"""The first schema: data sources, their secrets and data keys, the register of keys, the revision counter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Must bear to be run again after it was killed at any statement: MySQL has no transactions around
    them."""
    op.create_table(
        "headwater_data_source",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("org_id", sa.Integer, nullable=False),
        sa.Column("uid", _exact(40), nullable=False),
        sa.Column("name", _exact(190), nullable=False),
        sa.Column("type", _exact(100), nullable=False),
        sa.Column("access", _exact(16), nullable=False),
        sa.Column("url", _exact(255), nullable=False),
        sa.Column("login", _exact(255), nullable=False),
        sa.Column("database_name", _exact(255), nullable=False),
        sa.Column("basic_auth", sa.Boolean, nullable=False),
        sa.Column("basic_auth_user", _exact(255), nullable=False),
        sa.Column("with_credentials", sa.Boolean, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("read_only", sa.Boolean, nullable=False),
        sa.Column("api_version", _exact(64), nullable=False),
        sa.Column("json_data", _long_text(), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("org_id", "uid", name="headwater_data_source_uid"),
        sa.UniqueConstraint("org_id", "name", name="headwater_data_source_name"),
        sqlite_autoincrement=True,
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        if_not_exists=True,
    )
    op.create_table(
        "headwater_data_key",
        sa.Column(
            "data_source_id",
            sa.Integer,
            sa.ForeignKey("headwater_data_source.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("dek_id", _exact(32), primary_key=True),
        sa.Column("kek_id", _exact(64), nullable=False),
        sa.Column("wrapped", _long_bytes(), nullable=False),
        sa.UniqueConstraint("dek_id", name="headwater_data_key_dek_id"),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        if_not_exists=True,
    )
    op.create_table(
        "headwater_secret",
        sa.Column(
            "data_source_id",
            sa.Integer,
            sa.ForeignKey("headwater_data_source.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("name", _exact(190), primary_key=True),
        sa.Column("record", _long_bytes(), nullable=False),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        if_not_exists=True,
    )
    op.create_table(
        "headwater_encryption_key",
        sa.Column("id", _exact(64), primary_key=True),
        sa.Column("state", _exact(16), nullable=False),
        sa.Column("check_record", _long_bytes(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        if_not_exists=True,
    )
    op.create_table(
        "headwater_revision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        if_not_exists=True,
    )
    counter = sa.table("headwater_revision", sa.column("id", sa.Integer), sa.column("value", sa.BigInteger))
    if op.get_bind().execute(sa.select(counter.c.id)).first() is None:
        op.execute(counter.insert().values(id=1, value=0))


def _exact(length: int) -> sa.types.TypeEngine[str]:
    collated = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(collated, "mysql", "mariadb")


def _long_text() -> sa.types.TypeEngine[str]:
    text = mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")
    return sa.Text().with_variant(text, "mysql", "mariadb")


def _long_bytes() -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
