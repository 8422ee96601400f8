"""Ends waits for a server, which some drivers have no way to do: Linux tells which thread waits for what."""

from __future__ import annotations

import os
import platform
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_POLLS: Final = {"x86_64": (7, 271), "aarch64": (73,)}.get(platform.machine(), ())
_RECEIVES: Final = {"x86_64": (45,), "aarch64": (207,)}.get(platform.machine(), ())
"""Numbers of the system calls poll, ppoll and recvfrom (Linux: arch/…/syscall tables)."""


class Waits:
    """Threads that are in a driver, from `with waits.wait():` to the block's end."""

    def __init__(self) -> None:
        self._threads: set[int] = set()
        self._over = threading.Event()
        self._ends = False

    @contextmanager
    def wait(self) -> Iterator[None]:
        thread = threading.get_native_id()
        if thread in self._threads:  # within another such block
            yield
            return
        self._threads.add(thread)
        try:
            yield
        finally:
            self._threads.discard(thread)

    def over(self) -> None:
        """Nobody will wait any more."""
        self._over.set()

    def end_after(self, seconds: float) -> None:
        """From then on hang up for whoever waits, until it is over. Asked again, it goes on as it does."""
        if self._ends:
            return
        self._ends = True
        threading.Thread(target=self._end, args=(seconds,), name="headwater-hang-up", daemon=True).start()

    def _end(self, seconds: float) -> None:
        while not self._over.wait(seconds):
            for thread in tuple(self._threads):
                hang_up(thread)


def hang_up(thread: int) -> bool:
    """Shut down the socket of which `thread`, by its native id, awaits bytes; whether it awaits any.

    It is told then that the server has closed the connection. Not on systems other than Linux.
    """
    told = Path(f"/proc/self/task/{thread}/syscall")
    try:
        call = told.read_text()
        number, argument = (int(word, 0) for word in call.split()[:2])
        if number not in _POLLS + _RECEIVES:
            return False
        descriptor = argument if number in _RECEIVES else _first_polled(argument)
        if told.read_text() != call:
            return False
        with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as awaited:
            awaited.shutdown(socket.SHUT_RDWR)
    except (OSError, ValueError):  # it has ended, or runs
        return False
    return True


def _first_polled(address: int) -> int:
    """The descriptor of the `struct pollfd` there. Its thread may have left it: this fails then, at worst."""
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        return int.from_bytes(os.pread(memory, 4, address), sys.byteorder)
    finally:
        os.close(memory)
