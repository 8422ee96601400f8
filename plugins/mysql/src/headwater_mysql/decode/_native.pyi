from collections.abc import Sequence
from typing import final

@final
class Decoder:
    def __new__(
        cls,
        columns: Sequence[tuple[int, int, int]],
        binary: bool,
        deprecate_eof: bool,
        batch_rows: int,
        batch_bytes: int,
        max_row_bytes: int,
        sequence: int,
    ) -> Decoder: ...
    def decode(self, data: bytes | bytearray | memoryview, /) -> int: ...
    def take(self) -> object: ...
    @property
    def rows(self) -> int: ...
    @property
    def full(self) -> bool: ...
    @property
    def last(self) -> bytes | None: ...
    @property
    def zero_dates(self) -> int: ...
    @property
    def sequence(self) -> int: ...
