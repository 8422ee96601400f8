"""Harlequin, the SQL IDE for the terminal, on Headwater's data sources: `harlequin -a headwater`."""

from .adapter import HeadwaterAdapter

__all__ = ["HeadwaterAdapter"]
__version__ = "0.1.0"
