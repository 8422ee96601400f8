"""Headwater data sources for every database with an ADBC driver: PostgreSQL, SQLite, DuckDB, Flight SQL."""
