"""Headwater's read tasks on Spark, Ray, Dask, Polars and DuckDB, and an Arrow Flight SQL server."""
