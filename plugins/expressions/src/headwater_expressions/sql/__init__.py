"""SQL over tables that are given, on DuckDB, and over nothing else."""

from __future__ import annotations

from .engine import Engine, EngineLimits
from .statement import Statement, TableRef
from .tables import table_of

__all__ = ["Engine", "EngineLimits", "Statement", "TableRef", "table_of"]
