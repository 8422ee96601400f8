"""A document of the query API that is there as a whole, and its series."""

from __future__ import annotations

from typing import Any

import msgspec
from attrs import frozen

from headwater.errors import DownstreamProtocolError
from headwater.sdk.http import excerpt

from .samples import count_samples, cut_samples, decode_number, decode_samples, millisecond
from .series import Histogram, HistogramSample, Labels, SeriesBlock

_MAX_REPORT_BYTES = 256 * 1024
"""Of the warnings, the infos, and the statistics."""
_MAX_REPORTS = 100


class _Series(msgspec.Struct):
    metric: Labels
    values: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    histograms: list[tuple[float, Histogram]] | None = None
    histogram: tuple[float, Histogram] | None = None


class _Data(msgspec.Struct, rename="camel"):
    result_type: str = ""
    result: msgspec.Raw = msgspec.Raw(b"[]")
    stats: msgspec.Raw = msgspec.Raw(b"null")


class _Document(msgspec.Struct, rename="camel"):
    status: str = ""
    data: _Data | None = None
    error_type: str = ""
    error: str = ""
    warnings: msgspec.Raw = msgspec.Raw(b"[]")
    infos: msgspec.Raw = msgspec.Raw(b"[]")
    stats: msgspec.Raw = msgspec.Raw(b"null")
    is_partial: bool = False


_documents = msgspec.json.Decoder(_Document)
_series = msgspec.json.Decoder(list[_Series])
_scalars = msgspec.json.Decoder(tuple[float, str])
_texts = msgspec.json.Decoder(list[str] | None)
_anything = msgspec.json.Decoder()

#: What decoding a text that is not what it should be raises; nesting that is too deep is a RecursionError.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@frozen
class AnswerTail:
    """What an answer says besides its series. `scalar` is (milliseconds, text) of a scalar or string."""

    result_type: str
    scalar: tuple[int, str] | None = None
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: Any = None


class ServerReportError(Exception):
    """The document says `"status": "error"`; the caller knows the HTTP status that goes with it."""

    def __init__(self, error_type: str, error: str) -> None:
        super().__init__(error)
        self.error_type = error_type
        self.error = error


def decode_answer(document: bytes | bytearray) -> tuple[SeriesBlock, AnswerTail]:
    """A whole document. Raises ServerReportError if it reports one, DownstreamProtocolError if it is none."""
    try:
        parsed = _documents.decode(document)
    except DECODE_ERRORS as error:
        raise _not_an_answer(document, error) from error
    if parsed.status == "error":
        raise ServerReportError(parsed.error_type, parsed.error)
    if parsed.status != "success" or parsed.data is None:
        raise DownstreamProtocolError('The answer is JSON, but has no "status" and "data" of the query API.')
    data = parsed.data
    warnings = _reports(parsed.warnings, "warnings")
    if parsed.is_partial:
        warnings.append("The server says that this answer is partial.")
    scalar = _scalar(data) if data.result_type in {"scalar", "string"} else None
    series = msgspec.Raw(b"[]") if bytes(data.result) == b"null" else data.result
    block = decode_block(series) if scalar is None else SeriesBlock.empty()
    stats = _stats(data.stats, warnings) or _stats(parsed.stats, warnings)
    tail = AnswerTail(
        data.result_type or ("vector" if block.is_vector else "matrix"),
        scalar,
        tuple(warnings),
        tuple(_reports(parsed.infos, "infos")),
        stats,
    )
    return block, tail


def decode_block(series: bytes | msgspec.Raw) -> SeriesBlock:
    """A JSON array of series, of a matrix or a vector."""
    return split_series(series).decode()


@frozen
class SplitSeries:
    """Series whose samples are still text: `texts` of those that have any, `counts` of all."""

    metrics: list[Labels]
    counts: list[int]
    texts: list[bytes]
    histograms: list[HistogramSample]
    is_vector: bool

    def decode(self) -> SeriesBlock:
        times, values = decode_samples(self.texts)
        if len(times) != sum(self.counts):
            raise DownstreamProtocolError("The answer holds a sample that is not a time and a number.")
        return SeriesBlock(self.metrics, self.counts, times, values, self.histograms, self.is_vector)


def split_series(series: bytes | msgspec.Raw) -> SplitSeries:
    try:
        parsed = _series.decode(series)
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError(f"The answer holds a malformed series: {error}.") from error
    texts: list[bytes] = []
    counts: list[int] = []
    histograms: list[HistogramSample] = []
    for index, one in enumerate(parsed):
        count = 0
        if one.values is not msgspec.UNSET:
            parts = cut_samples(one.values)
            count = count_samples(parts)
            texts += parts
        elif one.value is not msgspec.UNSET:
            count = 1
            texts.append(bytes(one.value))
        counts.append(count)
        if one.histograms or one.histogram is not None:
            samples = [*(one.histograms or ()), *((one.histogram,) if one.histogram is not None else ())]
            histograms += [HistogramSample(index, millisecond(time), each) for time, each in samples]
    is_vector = any(one.value is not msgspec.UNSET or one.histogram is not None for one in parsed)
    return SplitSeries([one.metric for one in parsed], counts, texts, histograms, is_vector)


def _reports(raw: msgspec.Raw, name: str) -> list[str]:
    """Warnings or infos; of very many or very long ones their number or beginning."""
    text = memoryview(raw)
    if len(text) > _MAX_REPORT_BYTES:
        return [f"The server's {name} are left out: they take {len(text)} bytes."]
    try:
        reports = _texts.decode(text) or []
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError(f"The answer holds malformed {name}.") from error
    shown = [excerpt(each) for each in reports[:_MAX_REPORTS]]
    more = len(reports) - len(shown)
    return [*shown, f"and {more} more {name}"] if more else shown


def _stats(raw: msgspec.Raw, warnings: list[str]) -> Any:
    text = memoryview(raw)
    if len(text) > _MAX_REPORT_BYTES:
        warnings.append(f"The server's statistics are left out: they take {len(text)} bytes.")
        return None
    try:
        return _anything.decode(text)
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError("The answer holds malformed statistics.") from error


def _scalar(data: _Data) -> tuple[int, str]:
    try:
        seconds, text = _scalars.decode(data.result)
    except DECODE_ERRORS as error:
        raise DownstreamProtocolError(f"The answer holds a malformed {data.result_type}.") from error
    if data.result_type == "scalar":
        decode_number(text)
    return millisecond(seconds), text


def _not_an_answer(document: bytes | bytearray, error: Exception) -> DownstreamProtocolError:
    start = bytes(document[:512]).lstrip()
    if not start:
        return DownstreamProtocolError("The answer is empty.")
    if start.startswith(b"<"):
        return DownstreamProtocolError("The answer is HTML or XML, not JSON; is the data source's URL right?")
    if not start.startswith(b"{"):
        return DownstreamProtocolError("The answer is not JSON; is the data source's URL right?")
    return DownstreamProtocolError(f"The answer is not complete JSON ({error}).")
