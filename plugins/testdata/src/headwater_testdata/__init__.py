"""Headwater data source without a server: deterministic scenarios for tutorials, tests and load."""

__version__ = "0.1.0"
