"""Column names that tell columns apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def unique_names(wanted: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """`wanted`, with a number behind each name that stands before it or is among `taken`: `a`, `a_2`, `a_3`.

    A name that is made this way is none of those given.
    """
    given, used = {*wanted, *taken}, set(taken)
    numbers: dict[str, int] = {}
    names = []
    for name in wanted:
        unique = name
        while unique in used or (unique is not name and unique in given):
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name}_{numbers[name]}"
        used.add(unique)
        names.append(unique)
    return names
