"""The adapter: what Harlequin finds by its entry point."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from harlequin.adapter import HarlequinAdapter
from harlequin.exception import HarlequinConfigError, HarlequinConnectionError

from headwater.errors import HeadwaterError

from .connection import HeadwaterConnection
from .host import HostLocation
from .options import OPTIONS

__all__ = ["HeadwaterAdapter"]


class HeadwaterAdapter(HarlequinAdapter):
    """`harlequin -a headwater [DATA_SOURCE]`.

    Queries go to the data source in its own language; without one they are SELECTs over all of them.
    `USE name` changes that.
    """

    ADAPTER_OPTIONS = OPTIONS
    IMPLEMENTS_CANCEL = True
    ADAPTER_DETAILS = (
        "Headwater's data sources: those of a data directory, or of a host elsewhere. `USE name` sends what "
        "follows to that data source in its own language; `USE` alone makes it SELECTs over all of them."
    )

    def __init__(self, conn_str: Sequence[str], read_only: bool = False, **options: Any) -> None:
        del read_only  # never asked for: what a query may do is for the database to say
        if len(conn_str) > 1:
            raise HarlequinConfigError(
                "Name one data source, or none for all of them.", title="Headwater: too many data sources"
            )
        self._source = conn_str[0] if conn_str else ""
        self._location = HostLocation(
            data_dir=_text(options.get("data_dir")) or None,
            host=_text(options.get("headwater_host")) or os.environ.get("HEADWATER_HOST", ""),
            token_file=_text(options.get("token_file")),
        )
        self._range = (_text(options.get("time_from")) or "now-1h", _text(options.get("time_to")) or "now")

    def connect(self) -> HeadwaterConnection:
        """Raises HarlequinConnectionError if the host cannot be opened, or has no such data source."""
        with ExitStack() as opening:
            try:
                headwater = self._location.open(opening)
                connection = HeadwaterConnection(headwater, self._source, self._range, opening)
            except HeadwaterError as error:
                raise HarlequinConnectionError(str(error), title="Headwater cannot connect.") from error
        return connection

    @property
    def connection_id(self) -> str:
        """The host and its data source: Harlequin keeps history and catalog by it."""
        return f"headwater:{self._location.id}:{self._source}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
