"""Headwater data source for Prometheus and servers that speak its query API."""

__version__ = "0.1.0"
