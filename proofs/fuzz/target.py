"""What a target is, and what is checked of each of its inputs."""

from __future__ import annotations

import importlib
import pkgutil
import resource
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

CORPUS = Path(__file__).parent / "corpus"
CPU_SECONDS = 1.0
"""One input may take so much of a processor: its own clock, as others use the machine too."""
PEAK_BYTES = 256 << 20
"""One input may raise the process' peak of memory by so much."""

Check = Callable[[bytes], object]


class WrongError(AssertionError):
    """An input did what no input may: another error than the documented ones, too long, too much memory."""


@frozen
class Target:
    """One way in. `refuses` are the errors that are documented for what makes no sense.

    `tokens` are words that the input may be made of. Inputs have at most `max_bytes`.
    """

    name: str
    check: Check
    refuses: tuple[type[Exception], ...]
    tokens: tuple[str | bytes, ...] = ()
    max_bytes: int = 4096

    def run(self, data: bytes) -> bool:
        """Whether `data` was taken rather than refused. Raises WrongError."""
        peak, started = _peak_bytes(), time.process_time()
        taken = self._is_taken(data)
        grew = _peak_bytes() - peak
        if time.process_time() - started > CPU_SECONDS:  # it may have imported something: once more
            started = time.process_time()
            self._is_taken(data)
            if (took := time.process_time() - started) > CPU_SECONDS:
                raise WrongError(f"{self.name}: {len(data)} bytes took {took:.1f} s")
        if grew > PEAK_BYTES:
            raise WrongError(f"{self.name}: {len(data)} bytes took {grew >> 20} MiB of memory")
        return taken

    def _is_taken(self, data: bytes) -> bool:
        try:
            self.check(data)
        except self.refuses:
            return False
        except AssertionError as error:
            raise WrongError(f"{self.name}: {str(error) or 'what must hold does not'}") from error
        except Exception as error:
            raise WrongError(f"{self.name}: {type(error).__name__} is no documented error") from error
        return True

    @property
    def seeds(self) -> Path:
        """The folder of the inputs that are kept in the tree."""
        return CORPUS / self.name


def target(
    *refuses: type[Exception], tokens: tuple[str | bytes, ...] = (), max_bytes: int = 4096
) -> Callable[[Check], Target]:
    """Make a target of a function. It is called `module.function`."""

    def make(check: Check) -> Target:
        name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}"
        return Target(name, check, refuses, tokens, max_bytes)

    return make


@cache
def all_targets() -> dict[str, Target]:
    """By name."""
    package = importlib.import_module("fuzz.targets")
    modules = [
        importlib.import_module(f"fuzz.targets.{each.name}")
        for each in pkgutil.iter_modules(package.__path__)
    ]
    return {each.name: each for module in modules for each in _of(module)}


def find(name: str) -> Target:
    """The target called `name`; imports nothing but its module."""
    module = importlib.import_module(f"fuzz.targets.{name.partition('.')[0]}")
    return next(each for each in _of(module) if each.name == name)


def _of(module: object) -> Iterator[Target]:
    return (value for value in vars(module).values() if isinstance(value, Target))


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
