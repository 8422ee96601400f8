"""ClickHouse's types: read their names, and mend what Arrow makes of them."""

from .declared import DeclaredType, parse_type
from .repair import Column, Repair, mended_field, needs_declared_type, plan_repair

__all__ = [
    "Column",
    "DeclaredType",
    "Repair",
    "mended_field",
    "needs_declared_type",
    "parse_type",
    "plan_repair",
]
