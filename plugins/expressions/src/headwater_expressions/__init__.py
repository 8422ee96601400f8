"""Grafana's expressions, and SQL over the answers of any data source, on DuckDB."""

__version__ = "0.1.0"
