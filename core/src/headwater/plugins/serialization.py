"""Models to and from JSON, for plugins in other processes: no pickle, and no secret by accident.

Frames and schemas are base64 of Arrow IPC, bytes are base64, times ISO 8601. An error is
`{"message_id", "message", "status", "source"}`: its cause stays where it was raised.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import attrs
import cattrs

from headwater import errors, models
from headwater.errors import ErrorSource, HeadwaterError, QueryRequestError, ValidationError
from headwater.models import Filter
from headwater.secrets import Secret

__all__ = ["from_bytes", "from_data", "to_bytes", "to_data"]

T = TypeVar("T")
#: What an error may say of itself beside what all say.
_OWN = ("retryable", "code", "name", "path", "reason")


def to_data(value: Any, *, reveal_secrets: bool = False) -> Any:
    """`value`, a model or a container of models, as what JSON can hold.

    Raises TypeError if it holds a Secret, unless `reveal_secrets`: then the result is plain text to guard.
    """
    return _converter(reveal_secrets).unstructure(value)


def from_data(data: Any, kind: type[T]) -> T:
    """The model of type `kind` that `to_data` made `data` of. Keys it does not know are ignored.

    Raises ValidationError with the path of the first fault.
    """
    try:
        return _converter(True).structure(data, kind)
    except cattrs.BaseValidationError as error:
        raise ValidationError(cattrs.transform_error(error, path=kind.__name__)[0]) from error
    except (ArithmeticError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise ValidationError(f"cannot be read as {kind.__name__}") from error


def to_bytes(value: Any, *, reveal_secrets: bool = False) -> bytes:
    """`to_data` as UTF-8 JSON."""
    data = to_data(value, reveal_secrets=reveal_secrets)
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_bytes(data: bytes, kind: type[T]) -> T:
    """The opposite of `to_bytes`. Raises ValidationError."""
    try:
        parsed = json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise ValidationError("not valid JSON") from error
    return from_data(parsed, kind)


@cache
def _converter(reveal_secrets: bool) -> cattrs.Converter:
    import pyarrow as pa

    from headwater.frames import CacheStatus, Frame
    from headwater.network import AddressPolicy

    converter = cattrs.Converter()
    # The models name these for type checkers only, to be cheap to import.
    names = {
        **vars(errors), **vars(models), "AddressPolicy": AddressPolicy, "CacheStatus": CacheStatus,
        "Frame": Frame, "Secret": Secret, "pa": pa,
    }  # fmt: skip
    for name in models.__all__:
        if attrs.has(model := getattr(models, name)):
            attrs.resolve_types(model, globalns=names)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    converter.register_unstructure_hook(bytes, lambda value: base64.b64encode(value).decode())
    converter.register_structure_hook(bytes, lambda text, _: base64.b64decode(text, validate=True))
    converter.register_unstructure_hook_func(lambda kind: kind == frozenset[str], sorted)
    converter.register_unstructure_hook(pa.Schema, _schema_to_text)
    converter.register_structure_hook(pa.Schema, lambda text, _: _schema_from_text(text))
    converter.register_unstructure_hook(models.Filter, _filter_to_data)
    converter.register_structure_hook(models.Filter, lambda data, _: _filter_from_data(data))
    converter.register_unstructure_hook(Frame, _frame_to_text)
    converter.register_structure_hook(Frame, lambda text, _: _frame_from_text(text))
    converter.register_unstructure_hook(Secret, Secret.reveal if reveal_secrets else _refuse_secret)
    converter.register_structure_hook(Secret, lambda text, _: Secret(text))
    converter.register_unstructure_hook(HeadwaterError, _error_to_data)
    converter.register_structure_hook(HeadwaterError, lambda data, _: _error_from_data(data))
    return converter


def _refuse_secret(_: Secret) -> str:
    raise TypeError("a Secret is serialised only with reveal_secrets=True")


def _frame_to_text(frame: Any) -> str:
    from headwater.frames import encode_stream

    return base64.b64encode(b"".join(encode_stream(frame))).decode()


def _frame_from_text(text: str) -> Any:
    from headwater.frames import decode_stream

    with decode_stream(base64.b64decode(text, validate=True)) as stream:
        return stream.read_all()


def _schema_to_text(schema: Any) -> str:
    return base64.b64encode(schema.serialize()).decode()


def _schema_from_text(text: str) -> Any:
    import pyarrow as pa

    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))


_VALUE_KINDS: dict[str, Callable[[str], Any]] = {
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "Decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def _filter_to_data(each: Filter) -> dict[str, Any]:
    return {"column": each.column, "operator": each.operator, "value": _value_to_data(each.value)}


def _filter_from_data(data: dict[str, Any]) -> Filter:
    return Filter(data["column"], data["operator"], _value_from_data(data["value"]))


def _value_to_data(value: Any) -> Any:
    """What JSON has no type for becomes `{"kind": text}`."""
    if isinstance(value, tuple):
        return [_value_to_data(each) for each in value]
    kind = type(value).__name__
    if kind not in _VALUE_KINDS:
        return value
    return {kind: base64.b64encode(value).decode() if kind == "bytes" else _text_of(value)}


def _text_of(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else value.isoformat()


def _value_from_data(data: Any) -> Any:
    if isinstance(data, list):
        return tuple(_value_from_data(each) for each in data)
    if not isinstance(data, dict):
        return data
    [(kind, text)] = data.items()
    return _VALUE_KINDS[kind](text)


def _error_to_data(error: HeadwaterError) -> dict[str, Any]:
    data = {
        "message_id": error.message_id,
        "message": str(error),
        "status": error.status,
        "source": error.source.value,
    }
    own = vars(error)
    return data | {name: own[name] for name in _OWN if own.get(name) is not None}


def _error_from_data(data: dict[str, Any]) -> HeadwaterError:
    message_id, message = str(data["message_id"]), str(data["message"])
    kind = _error_kinds().get(message_id, HeadwaterError)
    error = QueryRequestError(message, message_id) if kind is QueryRequestError else kind(message)
    error.message_id = message_id
    error.status = int(data["status"])
    error.source = ErrorSource(data["source"])
    vars(error).update({name: data[name] for name in _OWN if name in data})
    return error


@cache
def _error_kinds() -> dict[str, type[HeadwaterError]]:
    """The class that declares each message id; subclasses without an id of their own come back as it."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {
        kind.message_id: kind
        for kind in kinds
        if issubclass(kind, HeadwaterError) and "message_id" in vars(kind)
    }
