"""One connection: commands out, results in. Blocking; `interrupt` frees it from any other thread."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Final

import pyarrow as pa

from headwater.errors import DownstreamServerError, HeadwaterError, QueryError
from headwater_mysql.decode.choice import DecoderFactory
from headwater_mysql.decode.rows import Framing
from headwater_mysql.errors import UNSUPPORTED_IN_PREPARED, from_failure, lost_connection
from headwater_mysql.handshake import OnSocket, Session, Target, open_session
from headwater_mysql.protocol.constants import Command
from headwater_mysql.protocol.packets import (
    MalformedPacketError,
    PacketBuffer,
    ServerError,
    ServerReply,
    frame_count,
    frames,
    parse_error,
    parse_ok,
)
from headwater_mysql.protocol.results import (
    ResultColumns,
    ResultEnd,
    ResultReader,
    ResultRows,
    Step,
    parse_prepared,
    prepared_definitions,
)
from headwater_mysql.protocol.statements import LAST_PREPARED, Parameter, execute_command

STALLED_CLIENT_SECONDS: Final = 600
"""How long the server waits for a consumer that does not read before it gives the connection up."""

_RENEW_SECONDS = 5.0
_SMALL_ANSWER = 16 << 10
_UNKNOWN_VARIABLE = 1193
_UNKNOWN_STATEMENT = 1243
_MODES = re.compile(r"[A-Z_,]*", re.IGNORECASE)


class Connection:
    """An open, logged-in connection whose session is set up. One command at a time, by one thread."""

    def __init__(self, session: Session, target: Target, decoder: DecoderFactory) -> None:
        self._socket = session.socket
        self._decoder = decoder
        self._utc = not target.settings.timezone
        self._assignments = _assignments(target, session)
        self._statement_seconds = 0
        self._limits_statements = True
        self._executes_at_once = session.is_mariadb
        self._used = False
        self._renewing = False
        self._unsent = b""
        self._renewal: bytes | None = None  # what renews the session, until the limit of statements changes
        self._closed = threading.Event()
        self.sql_mode: str | None = None
        """The session's `@@sql_mode`; None where the server does not tell."""
        self._deadline: float | None = None
        self.session = session
        self.thread_id = session.thread_id
        self.opened_at = time.monotonic()
        self.reusable = True
        """False once a statement may have changed the session, or a result was left unread."""

    @classmethod
    def open(
        cls, target: Target, seconds: float, decoder: DecoderFactory, on_socket: OnSocket = lambda _: None
    ) -> Connection:
        """Connect, log in and set the session up within `seconds`; see `open_session`."""
        deadline = time.monotonic() + seconds
        connection = cls.open_bare(target, seconds, decoder, on_socket)
        try:
            with connection.within(deadline - time.monotonic()):
                connection.command(connection._set_up())
                connection._read_sql_mode()
        except BaseException:
            connection.close()
            raise
        return connection

    @classmethod
    def open_bare(
        cls, target: Target, seconds: float, decoder: DecoderFactory, on_socket: OnSocket = lambda _: None
    ) -> Connection:
        """Connect and log in, and leave the session as the server makes it."""
        return cls(open_session(target, seconds, on_socket), target, decoder)

    def execute(
        self, sql: str, parameters: Sequence[Parameter] = (), *, binary: bool = True, batch_rows: int = 65_536
    ) -> Result:
        """Run one statement and read up to its columns, or to its end if it returns no rows.

        Statements that can't be prepared are sent as text, which takes no parameters. Raises errors of
        `headwater.errors`.
        """
        self._used = True
        try:
            return self._start(sql, parameters, binary, batch_rows)
        except Exception as error:
            self.reusable = self.reusable and isinstance(error, (ServerError, QueryError))
            explained = from_failure(error)
            raise explained from explained.__cause__

    def command(self, sql: str) -> None:
        """Run a statement that returns no rows, in text form. Raises errors of `headwater.errors`."""
        self._simple(bytes((Command.QUERY,)) + sql.encode())

    def ping(self, seconds: float) -> None:
        """Raises errors of `headwater.errors` if the server does not answer within `seconds`."""
        with self.within(seconds):
            self._simple(bytes((Command.PING,)))

    @contextlib.contextmanager
    def within(self, seconds: float) -> Generator[None, None, None]:
        """All reads and writes of the block together may take `seconds`."""
        self._deadline = time.monotonic() + seconds
        self._socket.settimeout(max(0.01, seconds))
        try:
            yield
        finally:
            self._deadline = None
            with contextlib.suppress(OSError):
                self._socket.settimeout(None)

    def renew(self) -> None:
        """Begin to take back all that statements may have left in the session: locks, user variables,
        temporary tables, modes. The server does it while the connection rests; `quiet` reads how it went.

        Raises OSError.
        """
        if not self._used:
            return
        self._used, self._renewing = False, True
        if self._renewal is None:
            set_up = bytes((Command.QUERY,)) + self._set_up().encode()
            self._renewal = frames(bytes((Command.RESET_CONNECTION,))) + frames(set_up)
        self._send_raw(self._renewal)

    def limit_statements(self, seconds: float | None) -> None:
        """Let the server itself end statements that run for `seconds`; None or 0 for no such limit.

        MariaDB limits every statement, MySQL only SELECT. Servers without the variable are left alone.
        """
        whole = min(-int(-(seconds or 0) // 1), 31_536_000)
        if whole == self._statement_seconds or not self._limits_statements:
            return
        try:
            self.command(f"SET SESSION {self._statement_limit(whole)}")
            self._statement_seconds, self._renewal = whole, None
        except DownstreamServerError as error:
            if error.code != _UNKNOWN_VARIABLE:
                raise
            self._limits_statements = False

    def borrow_sql_mode(self, sql_mode: str | None) -> None:
        """Read the next statement as another session does, until the session is renewed."""
        if sql_mode not in (None, self.sql_mode):
            self._used = True
            self.command(f"SET SESSION sql_mode='{sql_mode}'")

    def interrupt(self) -> None:
        """End whatever blocks on this connection, from another thread. It can't be used any more."""
        self._closed.set()
        with contextlib.suppress(OSError):
            # Of the plain class: SSLSocket.shutdown would drop TLS state that the reading thread still uses.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Say good-bye if the connection is at rest, and close it. Any number of times."""
        if not self._closed.is_set() and self.reusable:
            self._closed.set()
            with contextlib.suppress(OSError):
                self._socket.settimeout(1)
                self._socket.sendall(frames(bytes((Command.QUIT,))))
        self._socket.close()

    def quiet(self) -> bool:
        """Whether nothing has arrived while the connection rested: no farewell, no error, no end. One whose
        session could not be renewed is not quiet either."""
        try:
            if self._renewing:
                self._finish_renewing()
            self._socket.setblocking(False)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._socket.setblocking(True)
            return True
        except (OSError, HeadwaterError, MalformedPacketError, ServerError):
            return False
        return False

    def _finish_renewing(self) -> None:
        buffer = PacketBuffer()
        with self.within(_RENEW_SECONDS):
            for _ in ("reset", "set up"):
                buffer.restart(1)
                packet = self._next_packet(buffer)
                if packet[:1] == b"\xff":
                    raise parse_error(packet)
        self._renewing = False

    def _set_up(self) -> str:
        """One statement that makes every session alike, whatever the server's defaults are."""
        assignments = self._assignments
        if self._statement_seconds:
            assignments = [*assignments, self._statement_limit(self._statement_seconds)]
        return ", SESSION ".join(["SET NAMES utf8mb4", *assignments])

    def _statement_limit(self, seconds: int) -> str:
        if self.session.is_mariadb:
            return f"max_statement_time={seconds}"
        return f"max_execution_time={seconds * 1000}"

    def _read_sql_mode(self) -> None:
        """Learn how the session reads texts, and keep it so: a reset would take over a changed default."""
        try:
            result = self.execute("SELECT @@SESSION.sql_mode", binary=False)
            modes = [str(mode) for batch in result.batches() for mode in batch.column(0)]
        except DownstreamServerError:
            modes = []
        if len(modes) == 1 and _MODES.fullmatch(modes[0]):
            self.sql_mode = modes[0]
            self._assignments = [*self._assignments, f"sql_mode='{modes[0]}'"]
        self._used, self.reusable = False, True

    def _start(self, sql: str, parameters: Sequence[Parameter], binary: bool, batch_rows: int) -> Result:
        if binary:
            try:
                return self._start_prepared(sql, parameters, batch_rows)
            except ServerError as error:
                if error.code not in UNSUPPORTED_IN_PREPARED:
                    raise
                if parameters:
                    raise QueryError(
                        "this statement takes no parameters: the server can't prepare it"
                    ) from error
        elif parameters:
            raise QueryError("parameters need the binary protocol")
        sequence = self._send(bytes((Command.QUERY,)) + sql.encode())
        framing = Framing(False, self.session.deprecate_eof, batch_rows)
        reader = ResultReader(framing, self._decoder, utc=self._utc, sequence=sequence)
        return Result(self, reader, lambda: None)

    def _start_prepared(self, sql: str, parameters: Sequence[Parameter], batch_rows: int) -> Result:
        prepare = bytes((Command.STATEMENT_PREPARE,)) + sql.encode()
        at_once = self._executes_at_once and not parameters
        execute = frames(execute_command(LAST_PREPARED, ())) if at_once else b""
        self._send_raw(frames(prepare) + execute)
        answers = PacketBuffer(frame_count(prepare) & 0xFF)
        try:
            statement = self._read_prepared(answers, len(parameters))
        except (ServerError, QueryError):
            if at_once:
                self._skip_refusal(answers)
            raise
        close = partial(self._send_later, _close_command(statement))
        try:
            if at_once:
                try:
                    return self._executed(1, close, batch_rows, answers.take_rest())
                except ServerError as error:
                    if error.code != _UNKNOWN_STATEMENT:
                        raise
                    self._executes_at_once = False  # a proxy, or an old server
            return self._executed(self._send(_encoded(statement, parameters)), close, batch_rows)
        except (ServerError, QueryError):
            close()
            raise

    def _read_prepared(self, answers: PacketBuffer, values: int) -> int:
        """The statement's id. Raises ServerError, QueryError where it takes another number of values."""
        statement, columns, expected = parse_prepared(self._next_packet(answers))
        for _ in range(prepared_definitions(columns, expected, deprecate_eof=self.session.deprecate_eof)):
            self._next_packet(answers)
        if values != expected:
            self._send_later(_close_command(statement))
            raise QueryError(f"the statement has {expected} placeholder(s), but {values} value(s) came")
        return statement

    def _skip_refusal(self, answers: PacketBuffer) -> None:
        """The answer to an execute that was sent at once and can only be an error."""
        answers.restart(1)
        if self._next_packet(answers)[:1] != b"\xff":
            self.reusable = False

    def _executed(
        self, sequence: int, close_statement: Callable[[], None], batch_rows: int, received: bytes = b""
    ) -> Result:
        framing = Framing(True, self.session.deprecate_eof, batch_rows)
        reader = ResultReader(framing, self._decoder, utc=self._utc, received=received, sequence=sequence)
        return Result(self, reader, close_statement)

    def _next_step(self, reader: ResultReader) -> Step:
        """The reader's next step, receiving as long as it needs more bytes."""
        self._check()  # steps may be many that need no more bytes, such as those of empty results
        while (step := reader.next_step()) is None:
            self._check()
            count = self._socket.recv_into(reader.space())
            if not count:
                raise lost_connection()
            reader.received(count)
        return step

    def _packets(self, sequence: int) -> Generator[bytes, None, None]:
        buffer = PacketBuffer(sequence)
        while True:
            yield self._next_packet(buffer)

    def _next_packet(self, buffer: PacketBuffer) -> bytes:
        while (packet := buffer.next_packet()) is None:
            self._check()
            data = self._socket.recv(_SMALL_ANSWER)
            if not data:
                raise lost_connection()
            buffer.feed(data)
        return packet

    def _simple(self, payload: bytes) -> ServerReply:
        """A command that is answered by OK or ERR."""
        try:
            packet = next(self._packets(self._send(payload)))
            if packet[:1] == b"\xff":
                raise parse_error(packet)
            return parse_ok(packet)
        except Exception as error:
            self.reusable = self.reusable and isinstance(error, ServerError)
            explained = from_failure(error)
            raise explained from explained.__cause__

    def _send(self, payload: bytes) -> int:
        """Send a command; returns its answer's sequence number, which goes on from the command's frames."""
        self._send_raw(frames(payload))
        return frame_count(payload) & 0xFF

    def _send_later(self, data: bytes) -> None:
        """Send what has no answer together with what is sent next."""
        self._unsent += data

    def _send_raw(self, data: bytes) -> None:
        unsent, self._unsent = self._unsent, b""
        self._socket.sendall(unsent + data)

    def _check(self) -> None:
        """Raises if the connection was interrupted, or has used up the time that it has; the next read waits
        for what is left of it."""
        if self._closed.is_set():
            raise lost_connection()
        if self._deadline is not None:
            if (left := self._deadline - time.monotonic()) <= 0:
                raise TimeoutError
            self._socket.settimeout(left)


class Result:
    """The answer to one statement. `columns` is empty for a statement that returns no rows."""

    def __init__(
        self, connection: Connection, reader: ResultReader, close_statement: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._close_statement = close_statement
        self.zero_dates = 0
        """Dates of the latest result set that became null so far."""
        first = connection._next_step(reader)
        self.header = first if isinstance(first, ResultColumns) else None
        if isinstance(first, ResultEnd):
            connection.reusable = False  # it may have changed a variable, the database, a lock
            self._finish(first)

    @property
    def done(self) -> bool:
        return self._reader.done

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """The rows, those of further result sets (of a procedure) included if their columns are the same.

        Raises errors of `headwater.errors`.
        """
        schema: pa.Schema | None = None
        for step in self.steps():
            if isinstance(step, pa.RecordBatch):
                yield step
            elif schema is None:
                schema = step.plan.schema
            elif step.plan.schema != schema:
                self._connection.reusable = False
                raise QueryError("the statement returns several results with different columns")

    def steps(self) -> Generator[ResultColumns | pa.RecordBatch, None, None]:
        """Every result set: its columns, then its rows. Raises errors of `headwater.errors`."""
        try:
            if self.header is not None:
                yield self.header
            while not self._reader.done:
                match step := self._connection._next_step(self._reader):
                    case ResultRows():
                        self.zero_dates = step.zero_dates
                        yield step.batch
                    case ResultColumns():
                        self.zero_dates = 0
                        self.header = self.header or step
                        yield step
                    case ResultEnd():
                        self._finish(step)
        except Exception as error:
            # After an ERR packet the connection is in step again; after anything else it is not.
            in_step = isinstance(error, ServerError)
            self._connection.reusable = self._connection.reusable and in_step
            if in_step:
                self._close_statement()
            explained = from_failure(error)
            raise explained from explained.__cause__

    def _finish(self, end: ResultEnd) -> None:
        if not end.rows:
            self._connection.reusable = False
        if not end.reply.more_results:
            self._close_statement()


def _close_command(statement: int) -> bytes:
    return frames(bytes((Command.STATEMENT_CLOSE,)) + statement.to_bytes(4, "little"))


def _encoded(statement: int, parameters: Sequence[Parameter]) -> bytes:
    try:
        return execute_command(statement, parameters)
    except (TypeError, ValueError) as error:
        raise QueryError(str(error)) from error


def _assignments(target: Target, session: Session) -> list[str]:
    zone = (target.settings.timezone or "+00:00").replace("'", "''")
    assignments = ["autocommit=1", f"time_zone='{zone}'", f"net_write_timeout={STALLED_CLIENT_SECONDS}"]
    if target.settings.read_only:
        assignments.append("tx_read_only=1" if session.is_mariadb else "transaction_read_only=1")
    return assignments
