"""What people read of an error that came by HTTP."""

from __future__ import annotations

import pytest

from headwater.errors import (
    DownstreamAuthError,
    DownstreamServerError,
    DownstreamTimeoutError,
    HeadwaterError,
)
from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClient, HttpClientSettings, excerpt
from headwater.sdk.http.words import MAX_WORDS, words_of
from servers.scripted_http import answer, raw, serve


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no org id\n", "no org id"),
        (b"", ""),
        (b'{"message": "slow down"}', "slow down"),
        (b'{"error": "invalid_token", "error_description": "it expired"}', "it expired"),
        (b'{"error": {"code": 429, "message": "slow down"}}', "slow down"),
        (b'{"errors": [{"title": "Bad", "detail": "no such tenant"}]}', "no such tenant"),
        (b'{"status": "error", "errorType": "bad_data", "error": "no"}', "no"),
        (b'{"code": 5}', '{"code": 5}'),
        (b'{"message": "cut', '{"message": "cut'),
        (b"[" * 60_000, "[" * 1023 + "…"),
        (b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body>", "502 Bad Gateway"),
        (b"<html><body><h1>Down</h1>for now</body></html>", "Down for now"),
        (b"<" * 60_000, ""),
        ("für \xffSie".encode("latin-1"), "f\ufffdr \ufffdSie"),
        (b"red \x1b[31mtext\r\nsecond", "red  [31mtext  second"),
    ],
)
def test_the_message_is_found_in_any_wrapping(body: bytes, words: str) -> None:
    assert words_of(body) == words


def test_a_long_text_is_cut_where_a_word_ends() -> None:
    text = "word " * 300
    cut = excerpt(text)
    assert len(cut) <= MAX_WORDS
    assert cut.endswith("word…")
    assert excerpt("x" * 5000) == "…"
    assert excerpt(f"the token is {'s' * 2000}") == "the token is…"


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        ("401 Unauthorized", DownstreamAuthError, "{origin} refused the credentials (status 401): no org id"),
        ("403 Forbidden", DownstreamAuthError, "{origin} refused the credentials (status 403): no org id"),
        ("504 Gateway Timeout", DownstreamTimeoutError, "{origin} reports a timeout (status 504): no org id"),
        ("500 Oops", DownstreamServerError, "unexpected response with status code 500: no org id"),
    ],
)
def test_each_status_keeps_the_servers_words(status: str, error: type[HeadwaterError], message: str) -> None:
    with serve(answer(b"no org id", status=status)) as server, client(server.url) as http:
        with pytest.raises(error) as caught:
            http.request("GET").raise_for_status()
        assert str(caught.value) == message.format(origin=server.url)


def test_an_endless_body_of_an_error_is_read_no_further_than_its_words() -> None:
    endless = answer(b"word " * 1_000_000, status="500 Oops")
    with serve(endless) as server, client(server.url) as http:
        response = http.request("GET")
        with pytest.raises(DownstreamServerError, match=r"word…$"):
            response.raise_for_status()
        assert response.bytes_read <= 128 * 1024


def test_an_error_whose_body_breaks_off_still_tells_its_status() -> None:
    broken = raw(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n")
    with (
        serve(broken) as server,
        client(server.url) as http,
        pytest.raises(DownstreamAuthError, match=r"\(status 401\)\.$"),
    ):
        http.request("GET").raise_for_status()


def client(url: str) -> HttpClient:
    return HttpClient(HttpClientSettings.from_instance(DataSourceInstanceSettings("u", "n", "t", url=url)))
