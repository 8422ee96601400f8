"""An Arrow Flight SQL server: any ADBC, JDBC or ODBC client of Flight SQL is a client of every plugin."""

from __future__ import annotations

from .access import Access, Call
from .server import FlightOptions, FlightServer

__all__ = ["Access", "Call", "FlightOptions", "FlightServer"]
