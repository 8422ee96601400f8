"""The reference host of Headwater data sources: command line, SQL store, HTTP API."""

__version__ = "0.1.0"
