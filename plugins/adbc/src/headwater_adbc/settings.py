"""What an operator can set about any database."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from headwater.sdk import field
from headwater.sdk.sql import PoolSettings


@frozen(kw_only=True)
class AdbcSettings(PoolSettings):
    """`preset` is where the database's `Preset` is, as `module:Class`."""

    preset: ClassVar[str]

    read_only: bool = field(True, doc="Let only reading statements through, in a session that cannot write.")
