from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import attrs
import cattrs
import pytest

from headwater.secrets import Secret

CANARY = "canary-4f1c9e"


@attrs.frozen
class AttrsSettings:
    host: str
    password: Secret


@dataclasses.dataclass
class DataclassSettings:
    password: Secret


def in_an_exception() -> str:
    try:
        raise ValueError(f"cannot log in with {SECRET}", SECRET)
    except ValueError:
        return traceback.format_exc()


def in_a_log_record() -> str:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s and %r", (SECRET, SECRET), None)
    return logging.Formatter().format(record)


SECRET = Secret(CANARY)

CHANNELS: dict[str, Callable[[], object]] = {
    "repr": lambda: repr(SECRET),
    "str": lambda: str(SECRET),
    "format": lambda: f"{SECRET} {SECRET!r} {SECRET:>40}",
    "percent": lambda: "%s" % SECRET,  # noqa: UP031
    "containers": lambda: repr([{"a": (SECRET,)}]),
    "attrs.asdict": lambda: attrs.asdict(AttrsSettings("h", SECRET)),
    "attrs repr": lambda: AttrsSettings("h", SECRET),
    "dataclasses.asdict": lambda: dataclasses.asdict(DataclassSettings(SECRET)),
    "cattrs": lambda: cattrs.unstructure(AttrsSettings("h", SECRET)),
    "copy": lambda: copy.copy(SECRET),
    "deepcopy": lambda: copy.deepcopy({"a": SECRET}),
    "json default=str": lambda: json.dumps({"a": SECRET}, default=str),
    "json default=repr": lambda: json.dumps({"a": SECRET}, default=repr),
    "exception": in_an_exception,
    "log record": in_a_log_record,
    "dir": lambda: [repr(getattr(SECRET, name)) for name in ("__doc__", "__class__", "__module__")],
}


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_no_channel_shows_the_value(channel: Callable[[], object]) -> None:
    assert CANARY not in repr(channel())
    assert CANARY not in str(channel())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_refuses_to_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled"):
        pickle.dumps(AttrsSettings("h", SECRET), protocol)


def test_nothing_takes_its_state_out() -> None:
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled"):
        SECRET.__getstate__()


def test_json_encoders_refuse_it() -> None:
    with pytest.raises(TypeError):
        json.dumps(SECRET)


def test_orjson_and_msgspec_refuse_it() -> None:
    orjson = pytest.importorskip("orjson")
    msgspec = pytest.importorskip("msgspec")
    with pytest.raises(TypeError):
        orjson.dumps({"a": SECRET})
    with pytest.raises(TypeError):
        msgspec.json.encode(SECRET)


def test_reveal_is_the_one_way_to_the_value() -> None:
    assert SECRET.reveal() == CANARY
    assert not hasattr(SECRET, "__dict__")
    with pytest.raises(TypeError):
        bytes(SECRET)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        list(SECRET)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        len(SECRET)  # type: ignore[arg-type]


def test_equal_values_are_equal_and_hash_alike() -> None:
    assert Secret("ä\ud800") == Secret("ä\ud800")
    assert hash(Secret("a")) == hash(Secret("a")) != hash(Secret("b"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_it_is_false_when_empty() -> None:
    assert not Secret("")
    assert Secret("0")


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SECRET._value = "other"
    with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
        del SECRET._value


def test_it_holds_text_only() -> None:
    with pytest.raises(TypeError, match="bytes"):
        Secret(b"x")  # type: ignore[arg-type]
