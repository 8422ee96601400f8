from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import example, given, strategies as st

from headwater.secrets import RedactingFormatter, Redactor, Secret
from headwater.secrets.redact import forms_of

Spell = Callable[[str], str]


def utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


SPELLINGS: dict[str, Spell] = {
    "plain": lambda value: value,
    "percent": lambda value: quote(utf8(value), safe=""),
    "percent, slash kept": lambda value: quote(utf8(value)),
    "percent, lower case": lambda value: re.sub(
        "%..", lambda code: code[0].lower(), quote(utf8(value), safe="")
    ),
    "form": lambda value: quote_plus(utf8(value)),
    "HTML": html.escape,
    "base64": lambda value: base64.b64encode(utf8(value)).decode(),
    "base64 without padding": lambda value: base64.b64encode(utf8(value)).decode().rstrip("="),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(utf8(value)).decode(),
}

LITERALS: dict[str, Spell] = {
    "JSON": json.dumps,
    "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
    "Python string": repr,
    "Python bytes": lambda value: repr(utf8(value)),
}

ANY_CHARACTER = st.characters()
"""Lone surrogates too, which a JSON document may bring."""


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.watch(Secret(value))
    return redactor


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@given(secret=st.text(ANY_CHARACTER, min_size=4))
@example(secret='p/ss wörd+"%&<x>')
def test_nothing_is_shown_of_any_spelling_of_a_secret(spell: Spell, secret: str) -> None:
    assert knowing(secret).redact(spell(secret)) == "********"


@pytest.mark.parametrize("spell", LITERALS.values(), ids=LITERALS)
@given(
    secret=st.text(st.characters(exclude_characters="|"), min_size=4),
    around=st.sampled_from(["|", '"|', "'|", "\"'|"]),
)
@example(secret="it's\0a wörd", around="|")
@example(secret="it's\0a wörd", around='"|')
def test_nothing_is_shown_of_a_secret_in_a_literal_whatever_quotes_stand_around(
    spell: Spell, secret: str, around: str
) -> None:
    assert "|********|" in knowing(secret).redact(spell(f"{around}{secret}|"))


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("length", range(5, 9))
@given(before=st.binary(max_size=4), after=st.binary(max_size=4))
def test_no_character_of_base64_that_a_secret_alone_decides_is_shown(
    encode: Callable[[bytes], bytes], length: int, before: bytes, after: bytes
) -> None:
    """So inside Basic credentials, whatever the name. Four bytes decide too little to be told from chance."""
    secret = "a>~?b~>?"[:length]
    text = encode(before + secret.encode() + after).decode()

    shown_before, shown_after = knowing(secret).redact(text).split("********")

    assert len(shown_before) * 6 < len(before) * 8 + 6
    assert len(shown_after) < len(text) - (len(before) + length) * 8 // 6 + 1


@given(st.lists(st.text(min_size=1, max_size=20), max_size=5), st.text(max_size=200))
def test_no_watched_value_of_four_characters_or_more_survives(values: list[str], text: str) -> None:
    text = text.join(values)
    redacted = knowing(*values).redact(text)

    for value in values:
        if len(value) >= 4 and "*" not in value:
            assert value not in redacted


@given(st.text())
def test_text_without_secrets_is_untouched(text: str) -> None:
    assert knowing("a-secret-that-is-not-there").redact(text) == text


def test_short_secrets_are_masked_as_words_only() -> None:
    redactor = knowing("ab")

    assert redactor.redact("user=ab table ab. cab") == "user=******** table ********. cab"


def test_a_short_secret_that_begins_another_leaves_nothing_of_it() -> None:
    redactor = knowing("a", "a-b", "abc", "abc-1234")

    assert redactor.redact("a-b, a, abc-1234, abc") == "********, ********, ********, ********"


def test_each_line_of_a_private_key_is_masked_but_not_its_frame() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEH\n-----END PRIVATE KEY-----\n"

    assert knowing(key).redact("x AgEGCCqGSM49AwEH y") == "x ******** y"
    assert knowing(key).redact("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_the_longest_of_overlapping_secrets_wins() -> None:
    assert knowing("hunter", "hunter22").redact("hunter22") == "********"


def test_a_value_stays_known_after_its_secret_is_gone() -> None:
    redactor = Redactor()
    redactor.watch(Secret("hunter22"))

    assert redactor.redact("hunter22") == "********"


def test_the_least_recently_watched_values_are_forgotten_beyond_the_bound() -> None:
    redactor = Redactor(max_values=2)
    for value in ("first-value", "x", "first-value", "third-value"):
        redactor.watch(Secret(value))

    assert redactor.redact("first-value x third-value") == "******** x ********"


LIKE_EACH_OTHER = [
    "a",
    "a-b",
    "b",
    "aaaa",
    "aaaab",
    "aaaabb",
    "aaaabbb",
    "a a a",
    "a+a+a",
    "a+a+a+a",
    "x" * 9,
]
"""Values that begin alike, that have spellings in common, and short ones."""


@given(st.lists(st.sampled_from(LIKE_EACH_OTHER)), st.integers(1, 4))
def test_after_forgetting_the_others_are_masked_as_if_they_alone_had_been_known(
    values: list[str], bound: int
) -> None:
    redactor = Redactor(max_values=bound)
    for value in values:
        redactor.watch(Secret(value))
    latest = list(dict.fromkeys(reversed(values)))[:bound]
    text = "\n".join(form for value in LIKE_EACH_OTHER for form in sorted(forms_of(value)))

    assert redactor.redact(text) == knowing(*latest).redact(text)


def test_an_empty_secret_masks_nothing() -> None:
    assert knowing("").redact("text") == "text"


def test_the_structlog_processor_masks_a_rendered_line_and_an_event() -> None:
    redactor = knowing("hunter22")
    lines: list[str] = []

    class Sink:
        def info(self, line: str) -> None:
            lines.append(line)

    logger = structlog.wrap_logger(
        Sink(),
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer(), redactor],
    )
    try:
        raise ValueError("login as root:hunter22 failed")
    except ValueError:
        logger.info("failed", url="http://root:hunter22@host", exc_info=True)

    assert "hunter22" not in lines[0]
    assert lines[0].count("********") >= 2
    event = {"a": ["hunter22", {"b": b"hunter22"}], "error": ValueError("hunter22"), "n": 5}
    assert "hunter22" not in repr(redactor(None, "info", event))


def test_containers_are_masked_through_and_keep_their_type() -> None:
    event = {
        "k-hunter22": ["hunter22", ("hunter22", 1.5)],
        "of": {"hunter22"},
        "frozen": frozenset({b"hunter22"}),
    }

    assert knowing("hunter22").clean(event) == {
        "k-********": ["********", ("********", 1.5)],
        "of": {"********"},
        "frozen": frozenset({b"********"}),
    }


def test_bytes_that_are_no_utf8_are_masked_and_otherwise_unchanged() -> None:
    assert knowing("hunter22").clean(b"\xff\x00hunter22\xfe") == b"\xff\x00********\xfe"


def test_an_object_becomes_text_only_where_it_shows_a_secret() -> None:
    class Level(str):
        __slots__ = ()

    redactor = knowing("hunter22")
    harmless = [PurePosixPath("/home"), Level("info"), True, None]

    assert all(redactor.clean(each) is each for each in harmless)
    assert redactor.clean(PurePosixPath("/hunter22")) == "PurePosixPath('/********')"


def test_an_object_that_cannot_be_shown_is_masked() -> None:
    class Detached:
        def __repr__(self) -> str:
            raise ValueError("hunter22")

    assert knowing("hunter22").clean([Detached()]) == ["********"]


def test_the_logging_formatter_masks_message_arguments_and_traceback() -> None:
    formatter = RedactingFormatter(logging.Formatter("%(message)s"), knowing("hunter22"))
    try:
        raise ValueError("hunter22")
    except ValueError as error:
        record = logging.LogRecord("x", 10, "", 0, "got %s", ("hunter22",), (ValueError, error, None))

    line = formatter.format(record)

    assert "hunter22" not in line
    assert "ValueError: ********" in line
