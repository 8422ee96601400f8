"""Sessions of those who sign in on the page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "headwater_session",
        sa.Column("digest", _exact(64), primary_key=True),
        sa.Column("subject", _exact(190), nullable=False),
        sa.Column("name", _exact(190), nullable=False),
        sa.Column("groups_json", _long_text(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
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
