"""What the server says of itself: SqlInfo, and the types of its columns as ODBC and JDBC number them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import pyarrow as pa

_TEXT, _BOOL, _BIGINT, _BITS, _LIST, _MAP = range(6)
_VALUE: Final = pa.dense_union(
    [
        pa.field("string_value", pa.string()),
        pa.field("bool_value", pa.bool_()),
        pa.field("bigint_value", pa.int64()),
        pa.field("int32_bitmask", pa.int32()),
        pa.field("string_list", pa.list_(pa.string())),
        pa.field("int32_to_int32_list_map", pa.map_(pa.int32(), pa.list_(pa.int32()))),
    ]
)
_SQL_INFO: Final = pa.schema(
    [pa.field("info_name", pa.uint32(), nullable=False), pa.field("value", _VALUE, nullable=False)]
)


def _info() -> dict[int, tuple[int, Any]]:
    return {
        0: (_TEXT, "Headwater"),
        1: (_TEXT, version("headwater-engines")),
        2: (_TEXT, pa.__version__),
        3: (_BOOL, True),  # read only
        4: (_BOOL, True),  # takes SQL, where the data source does
        5: (_BOOL, False),  # takes no Substrait
        8: (_BITS, 0),  # no transactions
        9: (_BOOL, True),  # queries can be cancelled
        10: (_BOOL, False),  # no bulk ingestion
        500: (_BOOL, False),  # no DDL for catalogs
        501: (_BITS, 0),  # … schemas
        502: (_BITS, 0),  # … tables
        506: (_BOOL, True),  # all tables that are listed can be read
    }


def sql_info(wanted: list[int]) -> pa.Table:
    """The entries of these numbers that the server knows; all for none."""
    known = _info()
    chosen = [(number, *known[number]) for number in (wanted or known) if number in known]
    children: list[list[Any]] = [[] for _ in range(_VALUE.num_fields)]
    offsets = []
    for _, kind, value in chosen:
        offsets.append(len(children[kind]))
        children[kind].append(value)
    values = pa.UnionArray.from_dense(
        pa.array([kind for _, kind, _ in chosen], pa.int8()),
        pa.array(offsets, pa.int32()),
        [pa.array(child, _VALUE.field(index).type) for index, child in enumerate(children)],
        [_VALUE.field(index).name for index in range(_VALUE.num_fields)],
    )
    return pa.table([pa.array([number for number, _, _ in chosen], pa.uint32()), values], schema=_SQL_INFO)


_TYPES: Final = [
    # name, number in ODBC and JDBC, digits or length, quote before and after, radix
    ("BOOLEAN", -7, 1, None, None),
    ("TINYINT", -6, 3, None, 10),
    ("SMALLINT", 5, 5, None, 10),
    ("INTEGER", 4, 10, None, 10),
    ("BIGINT", -5, 19, None, 10),
    ("REAL", 7, 7, None, 10),
    ("DOUBLE", 8, 15, None, 10),
    ("DECIMAL", 3, 76, None, 10),
    ("VARCHAR", 12, 2**31 - 1, "'", None),
    ("VARBINARY", -3, 2**31 - 1, "'", None),
    ("DATE", 91, 10, "'", None),
    ("TIME", 92, 15, "'", None),
    ("TIMESTAMP", 93, 32, "'", None),
]


def xdbc_types(command: Any) -> pa.Table:
    """The types, or the one with the command's number."""
    wanted = command.data_type if command.HasField("data_type") else None
    rows = [_xdbc_row(*each) for each in _TYPES if wanted in (None, each[1])]
    return pa.Table.from_pylist(rows, schema=_XDBC)


def _xdbc_row(name: str, number: int, size: int, quote: str | None, radix: int | None) -> dict[str, Any]:
    return {
        "type_name": name, "data_type": number, "column_size": size, "literal_prefix": quote,
        "literal_suffix": quote, "create_params": None, "nullable": 1, "case_sensitive": quote is not None,
        "searchable": 3, "unsigned_attribute": False if radix else None, "fixed_prec_scale": False,
        "auto_increment": False, "local_type_name": name, "minimum_scale": None, "maximum_scale": None,
        "sql_data_type": number, "datetime_subcode": None, "num_prec_radix": radix,
        "interval_precision": None,
    }  # fmt: skip


_XDBC: Final = pa.schema(
    [
        pa.field("type_name", pa.string(), nullable=False),
        pa.field("data_type", pa.int32(), nullable=False),
        pa.field("column_size", pa.int32()),
        pa.field("literal_prefix", pa.string()),
        pa.field("literal_suffix", pa.string()),
        pa.field("create_params", pa.list_(pa.field("item", pa.string(), nullable=False))),
        pa.field("nullable", pa.int32(), nullable=False),
        pa.field("case_sensitive", pa.bool_(), nullable=False),
        pa.field("searchable", pa.int32(), nullable=False),
        pa.field("unsigned_attribute", pa.bool_()),
        pa.field("fixed_prec_scale", pa.bool_(), nullable=False),
        pa.field("auto_increment", pa.bool_()),
        pa.field("local_type_name", pa.string()),
        pa.field("minimum_scale", pa.int32()),
        pa.field("maximum_scale", pa.int32()),
        pa.field("sql_data_type", pa.int32(), nullable=False),
        pa.field("datetime_subcode", pa.int32()),
        pa.field("num_prec_radix", pa.int32()),
        pa.field("interval_precision", pa.int32()),
    ]
)
