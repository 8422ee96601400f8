"""The messages of Arrow Flight SQL, made at run time from their field numbers.

Generated code would tie this distribution to one release of protobuf; a description of the fields does not.
Each message is a class of protobuf's own: `CommandStatementQuery(query="SELECT 1")`.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from .errors import refused

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "arrow.flight.protocol.sql"
_TYPE_URL: Final = f"type.googleapis.com/{_PACKAGE}."

# Fields in the order of their numbers, from 1: `?` marks an optional one, `*` a repeated one.
_MESSAGES: Final = {
    "CommandGetSqlInfo": "info:uint32*",
    "CommandGetXdbcTypeInfo": "data_type:int32?",
    "CommandGetCatalogs": "",
    "CommandGetDbSchemas": "catalog:string? db_schema_filter_pattern:string?",
    "CommandGetTables": (
        "catalog:string? db_schema_filter_pattern:string? table_name_filter_pattern:string? "
        "table_types:string* include_schema:bool"
    ),
    "CommandGetTableTypes": "",
    "CommandGetPrimaryKeys": "catalog:string? db_schema:string? table:string",
    "CommandGetExportedKeys": "catalog:string? db_schema:string? table:string",
    "CommandGetImportedKeys": "catalog:string? db_schema:string? table:string",
    "CommandGetCrossReference": (
        "pk_catalog:string? pk_db_schema:string? pk_table:string "
        "fk_catalog:string? fk_db_schema:string? fk_table:string"
    ),
    "CommandStatementQuery": "query:string transaction_id:bytes?",
    "CommandStatementUpdate": "query:string transaction_id:bytes?",
    "CommandPreparedStatementQuery": "prepared_statement_handle:bytes",
    "CommandPreparedStatementUpdate": "prepared_statement_handle:bytes",
    "TicketStatementQuery": "statement_handle:bytes",
    "ActionCreatePreparedStatementRequest": "query:string transaction_id:bytes?",
    "ActionCreatePreparedStatementResult": (
        "prepared_statement_handle:bytes dataset_schema:bytes parameter_schema:bytes is_update:bool?"
    ),
    "ActionClosePreparedStatementRequest": "prepared_statement_handle:bytes",
    "DoPutPreparedStatementResult": "prepared_statement_handle:bytes?",
    # Flight's own, which its Python server gives as bytes.
    "RenewFlightEndpointRequest": "endpoint:bytes",
    "CancelFlightInfoRequest": "info:bytes",
    "CancelFlightInfoResult": "status:int32",
    "SessionValue": "string_value:string? bool_value:bool? int64_value:sfixed64? double_value:double?",
    "SessionEntry": "key:string value:SessionValue",
    "SessionError": "value:int32",
    "SessionErrorEntry": "key:string value:SessionError",
    "SetSessionOptionsRequest": "session_options:SessionEntry*",
    "SetSessionOptionsResult": "errors:SessionErrorEntry*",
    "GetSessionOptionsResult": "session_options:SessionEntry*",
    "CloseSessionResult": "status:int32",
}


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="headwater_engines/flight_sql.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, text in enumerate(fields.split(), start=1):
            _add_field(message, number, text)
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, number: int, text: str) -> None:
    field_name, _, kind = text.partition(":")
    field = message.field.add(name=field_name, number=number, label=_Field.LABEL_OPTIONAL)
    plain = kind.rstrip("?*")
    if plain in _MESSAGES:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
    else:
        field.type = getattr(_Field, f"TYPE_{plain.upper()}")
    if kind.endswith("*"):
        field.label = _Field.LABEL_REPEATED
    elif kind.endswith("?"):  # proto3 tells "absent" from "empty" by a oneof of one
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field_name}")


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_describe())  # type: ignore[no-untyped-call,unused-ignore]
_classes: Final[dict[str, Any]] = {
    name: message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
    for name in _MESSAGES
}


def message(name: str, **fields: Any) -> Any:
    """The message `name` with these fields."""
    return _classes[name](**fields)


def parse(name: str, body: bytes) -> Any:
    """The message `name` from its bytes. Raises QueryRequestError."""
    parsed = _classes[name]()
    try:
        parsed.ParseFromString(body)
    except DecodeError:
        raise refused(f"The bytes are no {name} of Flight SQL.") from None
    return parsed


def pack(command: Message) -> bytes:
    """`command` as the `Any` that descriptors, tickets and actions carry."""
    return any_pb2.Any(
        type_url=_TYPE_URL + command.DESCRIPTOR.name, value=command.SerializeToString()
    ).SerializeToString()


def unpack(body: bytes) -> tuple[str, Any]:
    """The command in an `Any`, and its name. Raises QueryRequestError for what is none of Flight SQL's."""
    packed = any_pb2.Any()
    try:
        packed.ParseFromString(body)
    except DecodeError:
        packed.Clear()
    name = packed.type_url.removeprefix(_TYPE_URL)
    if not packed.type_url.startswith(_TYPE_URL) or name not in _classes:
        raise refused("This is no command of Flight SQL that the server knows.", "flight.command")
    return name, parse(name, packed.value)


def optional(command: Any, field: str) -> str | None:
    """An optional field's text; None if it is absent."""
    return getattr(command, field) if command.HasField(field) else None
