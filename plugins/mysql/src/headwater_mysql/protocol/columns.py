"""Column definitions of a result set."""

from __future__ import annotations

import attrs

from headwater_mysql.protocol.constants import ColumnFlag
from headwater_mysql.protocol.packets import MalformedPacketError, Reader


@attrs.frozen
class Column:
    """One column as the server describes it. `type` is a `ColumnType`, or a number this client doesn't know.

    `length` is the display width in bytes; `decimals` the digits after the point (31: not fixed).
    """

    name: str
    type: int
    flags: int = 0
    charset: int = 45
    length: int = 0
    decimals: int = 0
    table: str = ""
    schema: str = ""

    @property
    def unsigned(self) -> bool:
        return bool(self.flags & ColumnFlag.UNSIGNED)

    @property
    def is_primary_key(self) -> bool:
        """It is one of the columns of its table's primary key."""
        return bool(self.flags & ColumnFlag.PRIMARY_KEY)

    @property
    def not_null(self) -> bool:
        return bool(self.flags & ColumnFlag.NOT_NULL)


def parse_column(packet: bytes) -> Column:
    """A `ColumnDefinition41` packet. Raises MalformedPacketError."""
    reader = Reader(packet)
    reader.length_encoded_bytes()  # catalog, always "def"
    schema, table = reader.length_encoded_text(), reader.length_encoded_text()
    reader.length_encoded_bytes()  # the table's name before aliases
    name = reader.length_encoded_text()
    reader.length_encoded_bytes()  # the column's name before aliases
    if reader.length_encoded_integer() < 12:
        raise MalformedPacketError("a column definition is too short")
    charset, length = reader.integer(2), reader.integer(4)
    kind, flags, decimals = reader.integer(1), reader.integer(2), reader.integer(1)
    return Column(name, kind, flags, charset, length, decimals, table, schema)
