"""Which values of two sets an operator puts together: by their labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from headwater.frames import Notice, labels_text
from headwater_expressions.values import Results, Value

__all__ = ["joined"]

Pair = tuple[Value, Value, Mapping[str, str]]
_SHOWN = 5


def joined(left: Results, right: Results) -> tuple[Iterable[Pair], list[Notice]]:
    """Pairs of values with the labels of their result, and a notice of what found no partner.

    Two values belong together if the labels of one are among those of the other; a value without labels
    belongs to all. Two sets of one value each are always put together.
    """
    if len(left) == len(right) == 1:
        (one,), (other,) = left.values, right.values
        return [(one, other, _union(one.labels, other.labels))], []
    partners = _Partners(right.values)
    pairs: list[tuple[int, int]] = [
        (row, column) for row, one in enumerate(left) for column in partners.of(one.labels)
    ]
    notices = []
    if len(left) and len(right):
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        lonely = [each for row, each in enumerate(left) if row not in rows]
        lonely += [each for column, each in enumerate(right) if column not in columns]
        if lonely:
            notices.append(_dropped(lonely))
    return _pairs(left.values, right.values, pairs), notices


def _pairs(left: Sequence[Value], right: Sequence[Value], pairs: Iterable[tuple[int, int]]) -> Iterator[Pair]:
    for row, column in pairs:
        one, other = left[row], right[column]
        yield one, other, (one.labels if len(one.labels) >= len(other.labels) else other.labels)


def _union(one: Mapping[str, str], other: Mapping[str, str]) -> Mapping[str, str]:
    """The larger of two label sets, one within the other; none if they contradict each other."""
    smaller, larger = sorted((one, other), key=len)
    return larger if smaller.items() <= larger.items() else {}


class _Partners:
    """Finds the values of one set whose labels are among given ones, or the other way round.

    Values are indexed by their labels, cut to the keys that are asked for: comparing each with each would
    take a million comparisons for two sets of a thousand.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        by_keys: dict[frozenset[str], list[int]] = defaultdict(list)
        for index, value in enumerate(values):
            by_keys[frozenset(value.labels)].append(index)
        self._values = values
        self._by_keys = by_keys
        self._indexes: dict[tuple[frozenset[str], frozenset[str]], dict[tuple[str, ...], list[int]]] = {}

    def of(self, labels: Mapping[str, str]) -> list[int]:
        """The partners' places, ascending."""
        keys = frozenset(labels)
        found: list[int] = []
        for theirs in self._by_keys:
            if keys <= theirs or theirs <= keys:
                common = keys & theirs
                wanted = tuple(labels[key] for key in sorted(common))
                found += self._index(theirs, common).get(wanted, ())
        return sorted(found) if len(self._by_keys) > 1 else found

    def _index(self, theirs: frozenset[str], common: frozenset[str]) -> dict[tuple[str, ...], list[int]]:
        index = self._indexes.get((theirs, common))
        if index is None:
            index = self._indexes[theirs, common] = defaultdict(list)
            keys = sorted(common)
            for place in self._by_keys[theirs]:
                labels = self._values[place].labels
                index[tuple(labels[key] for key in keys)].append(place)
        return index


def _dropped(values: Sequence[Value]) -> Notice:
    shown = "; ".join(f"{{{labels_text(value.labels)}}}" for value in values[:_SHOWN])
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return Notice.warning(f"{len(values)} items dropped from union(s): {shown}{more}")
