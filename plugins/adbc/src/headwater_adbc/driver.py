"""Finds drivers and opens databases with them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import adbc_driver_manager as adbc

from headwater.errors import PluginUnavailableError, QueryError


def bundled(module: str, extra: str) -> str:
    """The path of the driver in the wheel of `module`. Raises PluginUnavailableError without it."""
    if importlib.util.find_spec(module) is None:
        raise PluginUnavailableError(
            f"The ADBC driver of this data source is not installed. Install it: "
            f"pip install 'headwater-adbc[{extra}]'"
        )
    return str(files(module) / f"lib{module}.so")  # wheels call it so on every platform


def open_database(options: Mapping[str, str]) -> adbc.AdbcDatabase:
    """The database, as its driver opens it: some connect at once.

    Raises PluginUnavailableError for a driver that can't be loaded, and what the driver raises.
    """
    try:
        return adbc.AdbcDatabase(**dict(options))
    except adbc.Error as error:
        if any(sign in str(error) for sign in ("AdbcDriverInit", "dlopen", "dlsym", "Could not load")):
            raise PluginUnavailableError(
                f"The ADBC driver {options.get('driver', '')!r} cannot be loaded: give the path of its "
                "shared library, or the name of its manifest."
            ) from error
        raise


def bind_row(statement: adbc.AdbcStatement, values: tuple[Any, ...]) -> None:
    """Binds one value to each placeholder. Raises QueryError for one that no driver takes."""
    import pyarrow as pa

    try:
        arrays = [pa.array([value]) for value in values]
    except (OverflowError, UnicodeEncodeError, TypeError, pa.ArrowException) as error:
        raise QueryError(
            f"a value in params has no type that databases know ({error}); give it as text, and cast it "
            "in the statement"
        ) from error
    row = pa.record_batch(arrays, names=[str(number) for number in range(len(values))])
    schema, array = row.__arrow_c_array__()
    statement.bind(array, schema)
