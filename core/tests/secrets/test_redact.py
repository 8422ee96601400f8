from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import given, strategies as st

from headwater.secrets import RedactingFormatter, Redactor, Secret
from headwater.secrets.redact import forms_of

PASSWORD = 'p/ss wörd+"%&<x>'

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "percent": lambda value: quote(value, safe=""),
    "percent, slash kept": quote,
    "percent, lower case": lambda value: re.sub("%..", lambda code: code[0].lower(), quote(value, safe="")),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
    "Python repr": repr,
    "HTML": html.escape,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
}


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.watch(Secret(value))
    return redactor


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_secret_is_masked(spell: Callable[[str], str]) -> None:
    text = f"before {spell(PASSWORD)} after"

    redacted = knowing(PASSWORD).redact(text)

    assert "********" in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "rd" not in redacted


@given(prefix=st.text(max_size=10), secret=st.text(min_size=12, max_size=60), suffix=st.text(max_size=10))
def test_a_secret_inside_basic_credentials_is_masked(prefix: str, secret: str, suffix: str) -> None:
    raw = [part.encode("utf-8", "surrogatepass") for part in (prefix, secret, suffix)]
    text = base64.b64encode(b"".join(raw)).decode()
    before, after = len(raw[0]) * 8 // 6 + 1, (len(raw[0]) + len(raw[1])) * 8 // 6

    assert text[before + 1 : after - 1] not in knowing(secret).redact(text)


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


def test_each_line_of_a_private_key_is_masked_but_not_its_frame() -> None:
    key = (
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END PRIVATE KEY-----\n"
    )

    assert knowing(key).redact("x AgEGCCqGSM49AwEHBG0w y") == "x ******** y"
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


def test_forgetting_one_value_keeps_a_form_that_another_shares() -> None:
    redactor = Redactor(max_values=2)
    shared = "a+b+c+d"
    assert shared in forms_of("a b c d")
    for value in (shared, "a b c d", "other-value"):
        redactor.watch(Secret(value))

    assert redactor.redact(shared) == "********"


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


def test_the_logging_formatter_masks_message_arguments_and_traceback() -> None:
    formatter = RedactingFormatter(logging.Formatter("%(message)s"), knowing("hunter22"))
    try:
        raise ValueError("hunter22")
    except ValueError as error:
        record = logging.LogRecord("x", 10, "", 0, "got %s", ("hunter22",), (ValueError, error, None))

    line = formatter.format(record)

    assert "hunter22" not in line
    assert "ValueError: ********" in line
