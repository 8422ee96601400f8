"""Whatever a server sends, and however much: a typed error in time, little memory, a source that goes on."""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import (
    DeadlineExceededError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    HeadwaterError,
    QueryError,
)
from headwater.models import DataQuery
from headwater.sdk import CallContext
from headwater_mysql.bounds import ERROR_CHARACTERS
from headwater_mysql.metadata import Metadata
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnType as T, Command
from headwater_mysql.query_model import MySQLQuery
from servers.mysql_checks import DataSourceFactory, query
from servers.mysql_fake import Flood, fake_mysql
from servers.mysql_wire import OK, binary_row, column_definition, eof, err, result_set, wire

ALLOWED_MB = 300
CONNECTING, CALL = 2.0, 3.0
"""Seconds that connecting, and each query, may take here."""

LARGEST = b"\xff\xff\xff"
NUMBER = Column("n", T.LONG)
PREPARED = wire([b"\x00" + struct.pack("<IHHBH", 1, 0, 0, 0, 0)])


@contextmanager
def little_memory() -> Iterator[None]:
    """Raises if the process took more than is allowed within the block, at any time."""
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not forget.exists():
        yield
        return

    def megabytes(name: str) -> int:
        (line,) = (line for line in status.read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) >> 10

    forget.write_text("5")  # the peak is now what is used now
    before = megabytes("VmRSS")
    yield
    assert megabytes("VmHWM") - before <= ALLOWED_MB


def answers(command: bytes) -> bytes:
    match command[0]:
        case Command.STATEMENT_PREPARE:
            return PREPARED
        case Command.STATEMENT_EXECUTE:
            return result_set([NUMBER], [[7]], binary=True)
        case Command.STATEMENT_CLOSE:
            return b""  # has no answer
        case _:
            return wire([OK])


def once(when: Callable[[bytes], bool], flood: Callable[[], Iterable[bytes]]) -> Flood:
    """`flood` for the first command that `when` says."""
    left = [flood]
    return lambda command: left.pop()() if left and when(command) else None


def connects(command: bytes) -> bool:
    return not command


def ends_log_in(command: bytes) -> bool:
    return command[1:] == b"SET NAMES utf8mb4"


def sets_up(command: bytes) -> bool:
    return b"autocommit" in command


def asks_mode(command: bytes) -> bool:
    return b"@@SESSION.sql_mode" in command


def prepares(command: bytes) -> bool:
    return command[:1] == bytes((Command.STATEMENT_PREPARE,))


def executes(command: bytes) -> bool:
    return command[:1] == bytes((Command.STATEMENT_EXECUTE,))


def chain(first: int, most: int = 100) -> Iterator[bytes]:
    """A packet of `most` times 16 MiB, in frames numbered from `first` on."""
    body = bytes(0xFFFFFF)
    for number in range(most):
        yield LARGEST + bytes(((first + number) & 0xFF,)) + body


def dripping() -> Iterator[bytes]:
    """A packet of 200 bytes of which one arrives now and then, for much longer than anybody waits."""
    for byte in b"\xc8\x00\x00\x00" + bytes(200):
        yield bytes((byte,))
        time.sleep(0.1)


def long_names() -> Iterator[bytes]:
    """65,535 columns, each with a name of 4 MiB."""
    yield wire([b"\xfc\xff\xff"])
    definition = column_definition(Column("n" * (4 << 20), T.LONG))
    for number in range(0xFFFF):
        yield wire([definition], (2 + number) & 0xFF)


def long_names_of_parameters() -> Iterator[bytes]:
    yield wire([b"\x00" + struct.pack("<IHHBH", 1, 0, 0xFFFF, 0, 0)])
    yield from itertools.islice(long_names(), 1, None)


def large_row() -> Iterator[bytes]:
    column = Column("b", T.LONG_BLOB, charset=63)
    yield wire([b"\x01", column_definition(column), eof()])
    yield from chain(4)


def empty_results() -> Iterator[bytes]:
    """Result sets without rows, without end, as many in a piece as fit into a small packet."""
    one = [b"\x01", column_definition(NUMBER), eof(), eof(more_results=True)]
    for number in itertools.count(1, 4 * 64):
        yield wire(one * 64, number & 0xFF)


def statements_without_rows() -> Iterator[bytes]:
    more = b"\x00\x00\x00" + struct.pack("<HH", 2 | 8, 0)
    for number in itertools.count(1, 256):
        yield wire([more] * 256, number & 0xFF)


def long_error(first: int = 1) -> Iterator[bytes]:
    yield wire([err(1064, "secret " * (15 << 17))], first)


def long_error_behind_rows() -> Iterator[bytes]:
    yield wire([b"\x01", column_definition(NUMBER), eof(), binary_row([NUMBER], [7])])
    yield from long_error(5)


@pytest.mark.parametrize(
    ("when", "flood", "kind"),
    [
        pytest.param(connects, lambda: chain(0), DownstreamProtocolError, id="a greeting of 1.6 GB"),
        pytest.param(connects, dripping, DownstreamTimeoutError, id="a greeting that drips"),
        pytest.param(ends_log_in, lambda: chain(1), DownstreamProtocolError, id="a log-in of 1.6 GB"),
        pytest.param(sets_up, lambda: chain(1), DownstreamProtocolError, id="a set-up of 1.6 GB"),
        pytest.param(sets_up, dripping, DownstreamTimeoutError, id="a set-up that drips"),
        pytest.param(asks_mode, long_names, DownstreamProtocolError, id="a mode with long names"),
        pytest.param(asks_mode, large_row, DownstreamProtocolError, id="a mode of 1.6 GB"),
        pytest.param(prepares, lambda: chain(1), DownstreamProtocolError, id="a preparation of 1.6 GB"),
        pytest.param(prepares, long_names_of_parameters, DownstreamProtocolError, id="parameters' names"),
        pytest.param(prepares, dripping, DeadlineExceededError, id="a preparation that drips"),
        pytest.param(prepares, long_error, DownstreamProtocolError, id="an error of 15 MiB"),
        pytest.param(executes, long_names, DownstreamProtocolError, id="long names of many columns"),
        pytest.param(executes, large_row, DownstreamProtocolError, id="a row of 1.6 GB"),
        pytest.param(
            executes, empty_results, (DeadlineExceededError, DownstreamProtocolError), id="empty results"
        ),
        pytest.param(
            executes,
            statements_without_rows,
            (DeadlineExceededError, DownstreamProtocolError),
            id="no results",
        ),
        pytest.param(
            executes, long_error_behind_rows, DownstreamServerError, id="an error of 15 MiB as a row"
        ),
    ],
)
def test_a_server_that_sends_too_much_is_given_up_and_asked_again(
    open_data_source: DataSourceFactory,
    decoder_name: str,
    when: Callable[[bytes], bool],
    flood: Callable[[], Iterable[bytes]],
    kind: type[HeadwaterError],
) -> None:
    with fake_mysql(answers, instead=once(when, flood)) as address:
        data_source = open_data_source(url=address, connection_timeout=CONNECTING, decoder=decoder_name)
        with little_memory(), CallContext(timeout=CALL) as context, pytest.raises(kind) as caught:
            list(query(data_source, "SELECT 1", context))
        assert len(str(caught.value)) < ERROR_CHARACTERS + 200
        assert len(str(caught.value.__cause__)) < ERROR_CHARACTERS + 200
        with CallContext(timeout=CALL) as context:
            assert query(data_source, "SELECT 1", context).read_all().to_pylist() == [{"n": 7}]


def test_a_procedure_returns_so_many_result_sets_and_no_more(
    open_data_source: DataSourceFactory,
) -> None:
    with fake_mysql(answers, instead=once(executes, empty_results)) as address:
        data_source = open_data_source(url=address, allow_calls=True)
        asked = MySQLQuery(raw_sql="CALL endless()", data_query=DataQuery(json={"rawSql": "CALL endless()"}))
        with (
            little_memory(),
            CallContext(timeout=30) as context,
            pytest.raises(QueryError, match="more than 1000 result sets"),
        ):
            data_source.query(asked, context)


def test_tables_are_listed_up_to_a_size(open_data_source: DataSourceFactory) -> None:
    names = [Column(name, T.VAR_STRING, charset=45) for name in ("name", "kind", "rows", "comment")]
    row = binary_row(names, ["x" * 200] * 4)

    def endless() -> Iterator[bytes]:
        yield wire([b"\x04", *map(column_definition, names), eof()])
        for number in itertools.count(7, 256):
            yield wire([row] * 256, number & 0xFF)

    with fake_mysql(answers, instead=once(executes, endless)) as address:
        data_source = open_data_source(url=address)
        with (
            little_memory(),
            CallContext(timeout=30) as context,
            pytest.raises(DownstreamProtocolError, match="larger than allowed"),
        ):
            data_source._metadata.databases(context)


def test_lists_are_kept_up_to_a_number_of_records(context: CallContext) -> None:
    asked: list[str] = []

    def run(sql: str, parameters: tuple[str, ...], context: CallContext) -> list[dict[str, Any]]:
        asked.append(parameters[0])
        return [{"name": "t"}] * 60_000

    metadata = Metadata(run)
    for database in ("a", "a", "b", "b", "a"):
        assert len(metadata.tables(database, context)) == 60_000
    assert asked == ["a", "b", "a"]


def test_nulls_of_many_columns_come_in_smaller_batches(
    open_data_source: DataSourceFactory, decoder_name: str
) -> None:
    """Each takes a bit on the wire and eight bytes afterwards."""
    columns = [Column(f"c{number}", T.LONGLONG) for number in range(4096)]
    row = binary_row(columns, [None] * len(columns))
    count = 16_384

    def nulls() -> Iterator[bytes]:
        yield wire([b"\xfc\x00\x10", *map(column_definition, columns), eof()])
        for number in range(count // 256):
            yield wire([row] * 256, (4096 + 3 + 256 * number) & 0xFF)
        yield wire([eof()], (4096 + 3 + count) & 0xFF)

    with fake_mysql(answers, instead=once(executes, nulls)) as address:
        data_source = open_data_source(url=address, decoder=decoder_name)
        with little_memory(), CallContext(timeout=60) as context:
            batches = query(data_source, "SELECT 1", context)
            assert sum(batch.num_rows for batch in batches) == count
