"""What an operator can set about any database."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from headwater.sdk.sql import SqlSettings


@frozen(kw_only=True)
class AdbcSettings(SqlSettings):
    """`preset` is where the database's `Preset` is, as `module:Class`."""

    preset: ClassVar[str]
