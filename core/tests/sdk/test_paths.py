"""Paths from outside cannot leave the base URL."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given, strategies as st

from headwater.errors import ValidationError
from headwater.sdk.paths import join_path, split_path

ATTACKS = [
    "../config",
    "api/../../config",
    "%2e%2e/config",
    "%252e%252e/config",
    "api/%2fetc",
    "api/..%2f..%2fconfig",
    "//evil.example/x",
    "/absolute",
    "api//v1",
    "api/v1/",
    "api\\v1",
    "api/%5c..%5cconfig",
    "api/\x00",
    "api/v1\r\nHost: evil",
    "api/%0d%0aX: y",
    "api/%ff",
    "./api",
]


@pytest.mark.parametrize("path", ATTACKS)
def test_a_path_that_could_escape_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        split_path(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("api//v1", "the path segment '' is not allowed"),
        ("api/%2e%2e/x", "the path segment '..' is not allowed"),
        ("api/%2fetc", "a path segment holds a slash, a backslash or a control character"),
        ("api/\ud800", "a path segment is not valid Unicode"),
        ("api/%ff", "a path segment is not UTF-8"),
        ("api/%" + "25" * 20 + "41", "a path segment is quoted too many times"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_path(path: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        split_path(path)
    assert (refused.value.path, refused.value.reason) == ("path", reason)


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("api/v1/labels", ("api", "v1", "labels")),
        ("api/v1/label/job/values", ("api", "v1", "label", "job", "values")),
        ("label/http.status/values", ("label", "http.status", "values")),
        ("label/with%20space/ünï", ("label", "with space", "ünï")),
        ("label/10%C2%A0kg", ("label", "10\u00a0kg")),  # next to the control characters
        ("", ()),
    ],
)
def test_a_plain_path_is_split_into_decoded_segments(path: str, segments: tuple[str, ...]) -> None:
    assert split_path(path) == segments


def test_segments_are_quoted_below_the_base() -> None:
    assert join_path("/prometheus/", "api", "a b", "c?d#e") == "/prometheus/api/a%20b/c%3Fd%23e"
    assert join_path("/MAX", "api") == "/MAX/api"
    assert join_path("", "api") == "/api"
    assert join_path("") == "/"


def test_a_segment_with_a_slash_cannot_be_joined() -> None:
    with pytest.raises(ValidationError):
        join_path("/base", "a/b")


@given(st.lists(st.text(min_size=1)))
def test_whatever_can_be_joined_stays_below_the_base_and_comes_back(segments: list[str]) -> None:
    try:
        joined = join_path("/base", *segments)
    except ValidationError:
        return
    parsed = urlsplit(f"http://host{joined}")
    assert parsed.netloc == "host"
    assert not parsed.query
    assert not parsed.fragment
    assert [unquote(part) for part in parsed.path.split("/")] == ["", "base", *segments]


@given(st.text())
def test_a_split_path_holds_no_segment_that_means_something_to_a_server(path: str) -> None:
    try:
        segments = split_path(path)
    except ValidationError:
        return
    for segment in segments:
        assert segment not in {"", ".", ".."}
        assert not set(segment) & set("/\\\r\n\0")


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1))
def test_quoting_a_segment_once_or_twice_gives_the_same_segment(segment: str) -> None:
    assert split_path(quote(segment)) == split_path(quote(quote(segment))) == (segment,)
