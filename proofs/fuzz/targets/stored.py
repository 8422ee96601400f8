"""What is stored or handed around sealed, and files that an operator writes."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from fuzz.target import target
from headwater.datasources import SealedFile, read_plan
from headwater.datasources.documents import DocumentError
from headwater.datasources.references import UnresolvedReferenceError
from headwater.errors import QueryRequestError, SecretUnavailableError, ValidationError
from headwater.frames import Frame
from headwater.queries.answer_cache.kept import KeptAnswer
from headwater.queries.answer_cache.sealing import AnswerSealer
from headwater.queries.named.provisioning import read_named_queries
from headwater.secrets import InMemoryKeySource, KeyRing, SealedSecrets, SecretCipher, SecretOwner
from headwater.secrets.envelope import (
    CorruptRecordError,
    DataKey,
    TamperedRecordError,
    WrappedKey,
    seal,
    unseal,
)
from headwater_engines.flight.messages import parse, unpack
from headwater_engines.flight.sessions import set_options
from headwater_engines.flight.tickets import TicketSealer

REFUSED = (CorruptRecordError, TamperedRecordError, SecretUnavailableError)
OWNER = SecretOwner("1", "uid")
KEY = DataKey(bytes(16), bytes(32))
SEALED = seal(KEY, "hunter22", OWNER, "password")
DOCUMENT = (
    "apiVersion: 1\n", "datasources:\n", "deleteDatasources:\n", "namedQueries:\n", "  - name: a\n",
    "    type: testdata\n", "    uid: u\n", "    jsonData:\n", "    secureJsonData:\n", "    query: {}\n",
    "    parameters:\n", "$__env{A}", "$__file{", "$__sealed{", "$${", "&a ", "*a", "<<: *a",
    "!!python/object:os.system ", "!!binary ", "!!set ", "? ", "- ", "{", "}", "[", "]", ": ", '"', "'",
    "|\n", ">\n", "\u2028", "2026-01-01", "1e999", "0x10", "~", "[[datasources]]\n", "name = 'a'\n",
    "type = 'b'\n", "1979-05-27T07:32:00Z",
)  # fmt: skip


def _cipher() -> SecretCipher:
    keys = InMemoryKeySource()
    keys.create("k")
    return SecretCipher(KeyRing([keys]), lambda: "k")


CIPHER = _cipher()
TICKETS = TicketSealer(CIPHER)
TICKET = TICKETS.seal("read", {"query": "SELECT 1"}, 1e9)
ANSWERS = AnswerSealer(CIPHER)
ANSWER = ANSWERS.seal(b"name", KeptAnswer((Frame(pa.table({"a": [1]})),), time.time(), time.time()))


@target(*REFUSED, tokens=(b"v1\x01", b"v1\x02", KEY.id, SEALED), max_bytes=512)
def secrets(data: bytes) -> None:
    with suppress(*REFUSED):
        WrappedKey.parse(data)
    opened, states = CIPHER.open_each(OWNER, SealedSecrets({"password": data}, {KEY.id.hex(): data}))
    assert not opened, f"what nobody sealed opens: {states}"
    assert unseal(KEY, data, OWNER, "password") == "hunter22", "what nobody sealed opens"


@target(UnresolvedReferenceError, tokens=("$__sealed{", "}", "=", "AAAA"), max_bytes=512)
def sealed_file(data: bytes) -> None:
    SealedFile(bytes(32)).open("uid", "password", data.decode("utf-8", "replace"))
    raise AssertionError("what nobody sealed opens")


@target(*REFUSED, tokens=(ANSWER[:64], ANSWER), max_bytes=8192)
def kept_answers(data: bytes) -> None:
    """What stands in Redis: anybody's bytes, or our own in another place."""
    ANSWERS.open(b"name", data)
    assert data == ANSWER, "what nobody sealed opens"


@target(QueryRequestError, tokens=(TICKET[:22], TICKET), max_bytes=2048)
def tickets(data: bytes) -> None:
    assert TICKETS.open("read", data)["query"] == "SELECT 1"
    assert data == TICKET, "what nobody sealed opens"


@target(
    QueryRequestError,
    tokens=(b"type.googleapis.com/arrow.flight.protocol.sql.", b"CommandGetTables", b"\x0a", b"\x12"),
)
def flight_messages(data: bytes) -> None:
    for name in ("CommandGetTables", "CommandStatementQuery", "TicketStatementQuery"):
        with suppress(QueryRequestError):
            parse(name, data)
    with suppress(QueryRequestError):
        set_options(data)
    unpack(data)


@target(DocumentError, ValidationError, tokens=DOCUMENT)
def documents(data: bytes) -> None:
    """Files of data sources and named queries. The first byte says which format."""
    suffix = (".yaml", ".json", ".toml")[data[0] % 3 if data else 0]
    with tempfile.TemporaryDirectory(prefix="headwater-fuzz-") as folder:
        file = Path(folder, f"file{suffix}")
        file.write_bytes(data[1:])
        with suppress(DocumentError, ValidationError):
            read_named_queries([file])
        read_plan([file], {"A": "value"}, seal=SealedFile(bytes(32)))
