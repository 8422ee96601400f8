"""Labels of a series: their text form and their fingerprint."""

from __future__ import annotations

from collections.abc import Mapping

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_SEPARATOR = b"\xff"


def labels_text(labels: Mapping[str, str]) -> str:
    """`a=b, c=d`, keys sorted: the form that Grafana shows."""
    return ", ".join(f"{key}={labels[key]}" for key in sorted(labels))


def labels_fingerprint(labels: Mapping[str, str]) -> int:
    """The 64-bit FNV-1 hash that Grafana's SDK gives these labels, the same in every process."""
    value = _FNV_OFFSET
    for key in sorted(labels):
        for byte in b"".join((key.encode(), _SEPARATOR, labels[key].encode(), _SEPARATOR)):
            value = (value * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF ^ byte
    return value
