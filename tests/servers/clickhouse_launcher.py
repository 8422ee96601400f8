"""ClickHouse out of `libchdb.so` in a process of its own: `clickhouse_launcher.py LIBRARY ARGUMENT…`.

The library exports the main function of clickhouse-local, which can listen for HTTP. Ends when its
standard input is closed.
"""

from __future__ import annotations

import ctypes
import sys


class _Result(ctypes.Structure):
    _fields_ = (
        ("buffer", ctypes.c_char_p),
        ("length", ctypes.c_size_t),
        ("vector", ctypes.c_void_p),
        ("elapsed", ctypes.c_double),
        ("rows", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("error", ctypes.c_char_p),
    )


def main() -> int:
    library = ctypes.CDLL(sys.argv[1])
    library.query_stable_v2.restype = ctypes.POINTER(_Result)
    arguments = [b"clickhouse", *(argument.encode() for argument in sys.argv[2:])]
    result = library.query_stable_v2(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))
    if result and result.contents.error:
        print(result.contents.error.decode(errors="replace"), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
