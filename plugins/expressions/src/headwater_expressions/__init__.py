"""Grafana's expressions, and SQL over the answers of any data source, on DuckDB."""
