"""API tokens of the HTTP host."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "headwater_api_token",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", _exact(190), nullable=False),
        sa.Column("digest", _exact(64), nullable=False),
        sa.Column("role", _exact(16), nullable=False),
        sa.Column("scopes", _long_text(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=True),
        sa.Column("last_used", sa.BigInteger, nullable=True),
        sa.Column("revoked", sa.BigInteger, nullable=True),
        sa.UniqueConstraint("name", name="headwater_api_token_name"),
        sa.UniqueConstraint("digest", name="headwater_api_token_digest"),
        sqlite_autoincrement=True,
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        if_not_exists=True,
    )


def _exact(length: int) -> sa.types.TypeEngine[str]:
    collated = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(collated, "mysql", "mariadb")


def _long_text() -> sa.types.TypeEngine[str]:
    text = mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")
    return sa.Text().with_variant(text, "mysql", "mariadb")
