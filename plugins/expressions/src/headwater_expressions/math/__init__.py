"""Formulas over series and numbers: `$A / $B * 100`."""

from __future__ import annotations

from .evaluate import evaluate
from .parse import Formula, parse

__all__ = ["Formula", "evaluate", "parse"]
