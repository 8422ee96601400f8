"""ClickHouse for Headwater: Arrow straight from a server, or from an engine in this process."""

__version__ = "0.1.0"
