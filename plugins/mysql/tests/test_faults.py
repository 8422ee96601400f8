"""Things that go wrong: each is a typed error of the right source, and the data source stays usable."""

from __future__ import annotations

import contextlib
import struct
import threading
from pathlib import Path

import pytest

from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    HostExhaustedError,
    QueryError,
    TextPosition,
)
from headwater.sdk import CallContext
from headwater_mysql.errors import from_server, locate
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnType as T, Command
from headwater_mysql.protocol.packets import ServerError
from servers.mariadb import start_mariadb
from servers.mysql_checks import DataSourceFactory, query
from servers.mysql_fake import black_hole, cutting_proxy, fake_mysql
from servers.mysql_family import DatabaseServer
from servers.mysql_wire import OK, eof, err, result_set, wire
from servers.process import eventually, free_port, no_file_descriptors_left

ENDLESS = (
    "SELECT a.COLUMN_NAME, b.COLUMN_TYPE FROM information_schema.COLUMNS a, information_schema.COLUMNS b"
)


def fails(data_source_query: object, kind: type[HeadwaterError], *, source: ErrorSource) -> HeadwaterError:
    with pytest.raises(kind) as caught:
        data_source_query()  # type: ignore[operator]
    assert type(caught.value) is kind
    assert caught.value.source is source
    return caught.value


def test_a_wrong_password_is_an_authentication_error_that_names_nobody(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, password="not-it-7f3a")
    error = fails(
        lambda: query(data_source, "SELECT 1", context), DownstreamAuthError, source=ErrorSource.DOWNSTREAM
    )
    assert "1045" in str(error)
    assert server.user not in str(error)
    assert "7f3a" not in repr(error.__cause__)
    assert data_source.pool.state.open == 0


def test_a_refused_port_is_a_connection_error(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(url=f"127.0.0.1:{free_port()}")
    error = fails(
        lambda: query(data_source, "SELECT 1", context),
        DownstreamConnectionError,
        source=ErrorSource.DOWNSTREAM,
    )
    assert "failed to connect to server - connection refused" in str(error)
    assert error.retryable


def test_running_out_of_file_descriptors_is_the_hosts_fault(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    with no_file_descriptors_left():
        error = fails(
            lambda: query(data_source, "SELECT 1", context), HostExhaustedError, source=ErrorSource.HOST
        )
    assert "no file descriptors left" in str(error)
    assert error.retryable
    assert query(data_source, "SELECT 1 AS a", context).read_all().to_pylist() == [{"a": 1}]


def test_a_server_that_says_nothing_is_a_timeout(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    with black_hole() as address:
        data_source = open_data_source(url=address, connection_timeout=0.2)
        error = fails(
            lambda: query(data_source, "SELECT 1", context),
            DownstreamTimeoutError,
            source=ErrorSource.DOWNSTREAM,
        )
    assert str(error) == "failed to connect to server - no answer within 0.2 s"


def test_an_unknown_host_is_a_connection_error(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(url="no-such-host.invalid:3306")
    fails(
        lambda: query(data_source, "SELECT 1", context),
        DownstreamConnectionError,
        source=ErrorSource.DOWNSTREAM,
    )


def test_an_unknown_database_says_so(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, database="nowhere")
    error = fails(
        lambda: query(data_source, "SELECT 1", context), DownstreamServerError, source=ErrorSource.DOWNSTREAM
    )
    assert str(error) == "the data source's database does not exist"


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("SELEC 1", 1064, "SELEC 1"),
        ("SELECT nope FROM mysql.user", 1054, "nope"),
        ("SELECT * FROM nope", 1146, "headwater.nope"),
        ("SELECT 1; SELECT 2", 1064, "SELECT 2"),
        ("SELECT TIMESTAMP'1999-01-02'", 1525, "Incorrect DATETIME value: '1999-01-02'"),
        ("SELECT @@nope", 1193, "Unknown system variable 'nope'"),
        ("KILL QUERY 999999999", 1094, "Unknown thread id: 999999999"),
        ("SELECT (SELECT 1, 2)", 1241, "1 column"),
        ("SELECT (SELECT 1 UNION SELECT 2)", 1242, "more than 1 row"),
        ("SELECT _utf8mb4'a' COLLATE latin1_bin", 1253, "latin1_bin"),
        ("SELECT ~0 + 1", 1690, "out of range"),
        ("SELECT 'a' REGEXP '['", {"MariaDB": 1139, "MySQL": 3696}, ""),
        ("SET SESSION max_error_count = NULL", {"MariaDB": 1232, "MySQL": 1232}, "max_error_count"),
    ],
)
def test_the_callers_sql_is_the_callers_fault_and_is_shown(
    server: DatabaseServer,
    open_data_source: DataSourceFactory,
    context: CallContext,
    sql: str,
    code: int | dict[str, int],
    words: str,
) -> None:
    data_source = open_data_source(server, read_only=False)
    if isinstance(code, dict):
        code = code["MariaDB" if "MariaDB" in server.rows("SELECT VERSION()")[0][0] else "MySQL"]
    error = fails(
        lambda: query(data_source, sql, context).read_all(), DownstreamServerError, source=ErrorSource.CALLER
    )
    assert isinstance(error, DownstreamServerError)
    assert (error.code, error.status) == (code, 400)
    assert str(error).startswith(f"db query error: Error {code}")
    assert words in str(error)
    assert data_source.pool.state.idle == 1, "an error of the statement costs no connection"


def test_other_errors_of_the_server_are_not_shown(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    sql = "SELECT EXTRACTVALUE('<a>', CONCAT('/', 0x5c, 'secret-7f3a'))"
    error = fails(
        lambda: query(data_source, sql, context).read_all(),
        DownstreamServerError,
        source=ErrorSource.DOWNSTREAM,
    )
    assert str(error) == (
        "db query error: query failed - please inspect the host's log for details (MySQL error 1105)"
    )
    assert "7f3a" in str(error.__cause__)


def test_an_unknown_time_zone_says_what_to_give_in_queries_and_in_the_health_check(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, timezone="Antarctica/Troll")
    expected = (
        "db query error: Error 1298 (HY000): Unknown or incorrect time zone: 'Antarctica/Troll' - give an "
        "offset such as +01:00, or load the server's time zone tables"
    )
    error = fails(
        lambda: query(data_source, "SELECT 1", context), DownstreamServerError, source=ErrorSource.DOWNSTREAM
    )
    assert str(error) == expected
    assert data_source.check_health(context).message == expected


def test_a_query_that_an_administrator_ends_says_so(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    tables = ", ".join(f"information_schema.COLUMNS {name}" for name in "abcd")

    ended = threading.Event()

    def end() -> None:
        """More than once: a statement that is ended while it is prepared is executed all the same."""
        sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) AS endless%'"
        while not ended.wait(0.1):
            for (thread_id,) in server.rows(sql):
                server.execute(f"KILL QUERY {thread_id}")

    ending = threading.Thread(target=end)
    ending.start()
    error = fails(
        lambda: query(data_source, f"SELECT COUNT(*) AS endless FROM {tables}", context).read_all(),
        DownstreamServerError,
        source=ErrorSource.DOWNSTREAM,
    )
    ended.set()
    ending.join()
    assert "Query execution was interrupted" in str(error)
    assert error.retryable


@pytest.mark.parametrize(
    "error",
    [
        ServerError(1045, "28000", "Access denied for user 'ann'@'h' (using password: YES)"),
        ServerError(1142, "42000", "SELECT command denied to user 'ann'@'h' for table 't'"),
        ServerError(1449, "HY000", "The user specified as a definer ('ann'@'h') does not exist"),
        ServerError(1429, "HY000", "Unable to connect to foreign data source: mysql://ann:pw@h"),
        ServerError(1644, "45000", "ann says"),
        ServerError(1064, "42000", "near 'ann'@'h' at line 1"),
        ServerError(9999, "HY000", "ann, of a later version"),
    ],
    ids=lambda error: error.code,
)
def test_texts_that_may_name_accounts_or_other_servers_are_not_shown(error: ServerError) -> None:
    assert "ann" not in str(from_server(error))


def test_the_server_killed_in_mid_stream_is_a_lost_connection(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    with start_mariadb() as server:
        data_source = open_data_source(server)
        stream = query(data_source, ENDLESS, context)
        next(stream)
        server.process.kill()
        with pytest.raises(DownstreamConnectionError, match="lost during the query"):
            list(stream)
        assert data_source.pool.state.open == 0


def test_a_restarted_server_is_used_again(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    (row,) = query(data_source, "SELECT CONNECTION_ID() AS id", context).read_all().to_pylist()
    server.execute(f"KILL {row['id']}")
    assert eventually(
        lambda: not server.rows(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {row['id']}")
    )
    (again,) = query(data_source, "SELECT CONNECTION_ID() AS id", context).read_all().to_pylist()
    assert again != row


def test_a_connection_killed_by_the_server_in_mid_query_is_lost(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)

    def kill() -> None:
        sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(29)%'"
        eventually(lambda: bool(server.rows(sql)), 10)
        server.execute(f"KILL {server.rows(sql)[0][0]}")

    canceller = threading.Thread(target=kill)
    canceller.start()
    with pytest.raises((DownstreamConnectionError, DownstreamServerError)) as caught:
        query(data_source, "SELECT SLEEP(29)", context).read_all()
    canceller.join()
    assert caught.value.source is ErrorSource.DOWNSTREAM
    assert query(data_source, "SELECT 1 AS a", context).read_all().num_rows == 1


@pytest.mark.parametrize("after_bytes", [0, 1, 40, 90, 150, 300, 1_000, 5_000, 70_000, 300_000])
def test_a_connection_cut_after_any_number_of_bytes_is_a_downstream_error(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, after_bytes: int
) -> None:
    with cutting_proxy(server.port, after_bytes) as address:
        data_source = open_data_source(server, url=address)
        with pytest.raises((DownstreamConnectionError, DownstreamTimeoutError)) as caught:
            list(query(data_source, ENDLESS, context))
        assert caught.value.source is ErrorSource.DOWNSTREAM
        assert data_source.pool.state.open == 0


def test_too_many_connections_are_worth_another_try(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute(
        "DROP USER IF EXISTS frugal", "CREATE USER frugal IDENTIFIED BY 'p' WITH MAX_USER_CONNECTIONS 1",
        "GRANT SELECT ON *.* TO frugal",
    )  # fmt: skip
    data_source = open_data_source(server, user="frugal", password="p")
    stream = query(data_source, "SELECT 1 AS a", context)
    error = fails(
        lambda: query(data_source, "SELECT 2", context),
        DownstreamConnectionError,
        source=ErrorSource.DOWNSTREAM,
    )
    assert "too many connections" in str(error)
    assert error.retryable
    assert stream.read_all().num_rows == 1


def test_a_full_server_is_too_many_connections(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    with fake_mysql(
        lambda _: None, greeting=b"\xff" + struct.pack("<H", 1040) + b"Too many connections"
    ) as address:
        data_source = open_data_source(url=address)
        with pytest.raises(DownstreamConnectionError, match="too many connections"):
            query(data_source, "SELECT 1", context)


def test_a_local_file_is_never_sent(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("7f3a")
    server.execute(
        "SET GLOBAL local_infile = 1", "DROP TABLE IF EXISTS read_lines", "CREATE TABLE read_lines (t TEXT)"
    )
    data_source = open_data_source(server, read_only=False)
    with pytest.raises(HeadwaterError):
        query(data_source, f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE read_lines", context)
    assert server.rows("SELECT * FROM read_lines") == []


def test_a_hostile_server_does_not_get_a_file_either(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    received: list[bytes] = []

    def script(command: bytes) -> bytes:
        received.append(command)
        if command[0] == Command.STATEMENT_PREPARE:
            return wire([err(1295, "not supported in prepared form")])
        return wire([b"\xfb/etc/passwd"])

    with fake_mysql(script) as address:
        data_source = open_data_source(url=address)
        fails(
            lambda: query(data_source, "SELECT 1", context),
            DownstreamProtocolError,
            source=ErrorSource.DOWNSTREAM,
        )
        assert [command[0] for command in received] == [Command.STATEMENT_PREPARE, Command.QUERY]
        assert data_source.pool.state.open == 0


def test_a_password_in_clear_is_refused_unless_allowed(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    wish = b"\xfemysql_clear_password\0"
    with fake_mysql(lambda _: wire([OK]), after_login=wish) as address:
        data_source = open_data_source(url=address, password="secret-7f3a")
        error = fails(
            lambda: query(data_source, "SELECT 1", context),
            DownstreamAuthError,
            source=ErrorSource.DOWNSTREAM,
        )
        assert "allowCleartextPasswords" in str(error)


def test_a_server_without_tls_gets_no_password_where_tls_is_asked_for(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    received: list[bytes] = []
    with fake_mysql(lambda _: None, on_login=received.append) as address:
        data_source = open_data_source(url=address, tls_skip_verify=True, password="secret-7f3a")
        with pytest.raises(DownstreamConnectionError, match="no TLS connection") as caught:
            query(data_source, "SELECT 1", context)
    assert not caught.value.retryable
    assert received == []


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"\x01\x00\x00\x01", id="half a frame and then silence"),
        pytest.param(wire([b"\x00\x01"]), id="prepare answer cut short"),
        pytest.param(wire([b""]), id="empty packet"),
        pytest.param(b"\x05\x00\x00\x09hello", id="wrong number"),
    ],
)
def test_a_malformed_answer_to_a_prepare_is_a_protocol_error(
    open_data_source: DataSourceFactory, damaged: bytes
) -> None:
    def script(command: bytes) -> bytes | None:
        return damaged if command[0] == Command.STATEMENT_PREPARE else None

    with fake_mysql(script) as address, CallContext(timeout=1) as context:
        data_source = open_data_source(url=address)
        with pytest.raises(HeadwaterError) as caught:
            query(data_source, "SELECT 1", context)
        assert caught.value.source is ErrorSource.DOWNSTREAM
        assert eventually(lambda: data_source.pool.state.open == 0)


def test_a_corrupt_row_in_mid_stream_is_a_protocol_error(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    columns = [Column("a", T.VAR_STRING, charset=45)]
    good = result_set(columns, [["x"]] * 3, binary=True)
    corrupt = good[:-9] + wire([b"\x00\x00\xfc\xff\xff", eof()], sequence=good[-6])

    def script(command: bytes) -> bytes | None:
        match command[0]:
            case Command.STATEMENT_PREPARE:
                return wire([b"\x00" + struct.pack("<IHHBH", 1, 0, 0, 0, 0)])
            case Command.STATEMENT_EXECUTE:
                return corrupt
        return None

    with fake_mysql(script) as address:
        data_source = open_data_source(url=address)
        error = fails(
            lambda: query(data_source, "SELECT 1", context).read_all(),
            DownstreamProtocolError,
            source=ErrorSource.DOWNSTREAM,
        )
        assert "malformed" in str(error)
        assert data_source.pool.state.open == 0


def test_a_statement_that_would_write_is_refused(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute("DROP TABLE IF EXISTS notes", "CREATE TABLE notes (t TEXT) ENGINE=InnoDB")
    data_source = open_data_source(server)
    with pytest.raises(QueryError, match="INSERT statements are not allowed here"):
        query(data_source, "INSERT INTO notes VALUES ('x')", context)
    assert server.rows("SELECT * FROM notes") == []


def test_writing_is_possible_where_it_is_allowed(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute("DROP TABLE IF EXISTS notes", "CREATE TABLE notes (t TEXT) ENGINE=InnoDB")
    data_source = open_data_source(server, read_only=False)
    frame = query(data_source, "INSERT INTO notes VALUES ('x')", context).read_all()
    assert frame.num_columns == 0
    assert server.rows("SELECT * FROM notes") == [("x",)]


def test_a_locked_table_is_reported_as_downstream_and_worth_another_try(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    server.execute("DROP TABLE IF EXISTS locked", "CREATE TABLE locked (n INT)")
    data_source = open_data_source(server)
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("LOCK TABLES locked WRITE")
        server.execute("SET GLOBAL lock_wait_timeout = 1")
        try:
            error = fails(
                lambda: query(data_source, "SELECT * FROM locked", context),
                DownstreamServerError,
                source=ErrorSource.DOWNSTREAM,
            )
        finally:
            server.execute("SET GLOBAL lock_wait_timeout = DEFAULT")
    assert error.retryable


def test_one_statement_cannot_change_the_session_of_the_next(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server, max_open_conns=1, read_only=False)
    query(data_source, "SET time_zone = '+05:00'", context).read_all()
    query(data_source, "SET SESSION TRANSACTION READ WRITE", context).read_all()
    (row,) = query(data_source, "SELECT @@session.time_zone AS z", context).read_all().to_pylist()
    assert row == {"z": "+00:00"}


@pytest.mark.parametrize("wire_protocol", ["binary", "text"])
def test_several_statements_in_one_are_refused(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext, wire_protocol: str
) -> None:
    server.execute("DROP TABLE IF EXISTS twice", "CREATE TABLE twice (n INT)")
    data_source = open_data_source(server, wire_protocol=wire_protocol, read_only=False)
    with pytest.raises(DownstreamServerError, match="1064"):
        query(data_source, "SELECT 1; INSERT INTO twice VALUES (1)", context)
    assert server.rows("SELECT * FROM twice") == []


def test_a_server_that_cannot_limit_statements_is_used_without(
    open_data_source: DataSourceFactory, context: CallContext
) -> None:
    asked: list[bytes] = []

    def after_set(command: bytes) -> bytes:
        asked.append(command)
        return wire([err(1193, "Unknown system variable") if b"max_execution_time" in command else OK])

    def script(command: bytes) -> bytes:
        if command[0] == Command.STATEMENT_PREPARE:
            return wire([err(1295, "not supported in prepared form")])
        return result_set([Column("a", T.LONG)], [[1]], binary=False)

    with fake_mysql(script, after_set=after_set) as address:
        data_source = open_data_source(url=address)
        for _ in range(2):
            assert query(data_source, "SELECT 1", context).read_all().to_pylist() == [{"a": 1}]
        data_source.close()
    assert sum(b"max_execution_time" in command for command in asked) == 1


def test_nothing_is_left_open_after_many_failures(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("needs /proc")
    before, threads = len(list(fds.iterdir())), threading.active_count()
    for password in ("wrong", server.password):
        data_source = open_data_source(server, password=password)
        for sql in ("SELEC", "SELECT 1", "SELECT SLEEP(5)", ENDLESS) * 5:
            context = CallContext(timeout=0.05)
            with contextlib.suppress(HeadwaterError), query(data_source, sql, context) as stream:
                next(stream)
            context.close()
        data_source.close()
    assert eventually(lambda: len(list(fds.iterdir())) <= before + 1, 5)  # the watchdog's, once per process
    assert eventually(lambda: threading.active_count() <= threads + 1, 5)


@pytest.mark.parametrize(
    ("words", "line", "position"),
    [
        ("orders", 2, TextPosition(2, 6)),
        ("orders\nLIMIT 1", 2, TextPosition(2, 6)),
        ("", 3, TextPosition(3)),  # at the end
        ("r", 2, TextPosition(2)),  # there are several
        ("orders", 9, None),
    ],
)
def test_words_near_a_fault_tell_its_place(words: str, line: int, position: TextPosition | None) -> None:
    error = from_server(ServerError(1064, "42000", f"You have an error, near '{words}' at line {line}"))
    assert locate(error, "SELECT id\nFORM orders\nLIMIT 1") == position
