"""Threads that produce, one consumer."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from headwater.sdk import PrefetchQueue


def nothing() -> None:
    pass


def test_every_item_of_every_producer_arrives_in_its_producers_order() -> None:
    producers = [[(number, item) for item in range(50)] for number in range(4)]
    with PrefetchQueue(producers, ahead=2, interrupt=nothing) as prefetch:
        items = list(prefetch)
    assert sorted(items) == [item for producer in producers for item in producer]
    for number, producer in enumerate(producers):
        assert [item for item in items if item[0] == number] == producer


def test_no_producers_give_no_items() -> None:
    with PrefetchQueue[int]([[], []], ahead=1, interrupt=nothing) as prefetch:
        assert list(prefetch) == []
    with PrefetchQueue[int]([], ahead=1, interrupt=nothing) as prefetch:
        assert list(prefetch) == []


def test_an_exception_that_is_an_item_is_not_raised() -> None:
    error = ValueError("an item")
    with PrefetchQueue([[error]], ahead=1, interrupt=nothing) as prefetch:
        assert list(prefetch) == [error]


def test_the_first_error_is_raised_and_ends_the_other_producers() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    def endless() -> Iterator[int]:
        while True:
            yield 2

    with (
        pytest.raises(ValueError, match="broken"),
        PrefetchQueue([failing(), endless()], ahead=2, interrupt=nothing, name="under-test") as prefetch,
    ):
        for _ in prefetch:
            pass
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("under-test")]


def test_producers_wait_for_a_slow_consumer() -> None:
    made: list[int] = []

    def counting() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with PrefetchQueue([counting()], ahead=3, interrupt=nothing) as prefetch:
        for taken, _ in enumerate(prefetch, 1):
            # Those taken, those ready, and the one that waits for room.
            assert len(made) <= taken + 3 + 1


def test_leaving_early_interrupts_a_producer_that_waits_for_its_source() -> None:
    source, waiting = threading.Event(), threading.Event()

    def blocked() -> Iterator[int]:
        yield 1
        waiting.set()
        source.wait()

    with PrefetchQueue([blocked()], ahead=1, interrupt=source.set) as prefetch:
        assert next(iter(prefetch)) == 1
        waiting.wait()
    assert source.is_set()


def test_producers_that_have_ended_are_not_interrupted() -> None:
    interrupted: list[bool] = []
    prefetch = PrefetchQueue([[1]], ahead=1, interrupt=lambda: interrupted.append(True))
    prefetch.start()
    assert list(prefetch) == [1]
    for thread in prefetch._threads:
        thread.join()
    prefetch.close()
    prefetch.close()
    assert interrupted == []


def test_a_generator_is_closed_in_its_own_thread() -> None:
    closed_in: list[str] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed_in.append(threading.current_thread().name)

    with PrefetchQueue([endless()], ahead=1, interrupt=nothing, name="under-test") as prefetch:
        next(iter(prefetch))
    assert closed_in == ["under-test-0"]


def test_stopping_from_another_thread_ends_a_waiting_consumer() -> None:
    source, waiting = threading.Event(), threading.Event()

    def blocked() -> Iterator[int]:
        waiting.set()
        source.wait()
        yield 1

    with PrefetchQueue([blocked()], ahead=1, interrupt=source.set) as prefetch:

        def stop() -> None:
            waiting.wait()
            prefetch.stop()

        stopper = threading.Thread(target=stop)
        stopper.start()
        assert list(prefetch) == []
        stopper.join()


def test_a_thread_that_cannot_be_had_ends_those_that_began(monkeypatch: pytest.MonkeyPatch) -> None:
    source = threading.Event()
    start = threading.Thread.start

    def start_first_only(thread: threading.Thread) -> None:
        if thread.name.endswith("-1"):
            raise RuntimeError("can't start new thread")
        start(thread)

    def blocked() -> Iterator[int]:
        source.wait()
        yield 1

    monkeypatch.setattr(threading.Thread, "start", start_first_only)
    prefetch = PrefetchQueue([blocked(), blocked()], ahead=1, interrupt=source.set, name="under-test")
    with pytest.raises(RuntimeError, match="new thread"):
        prefetch.start()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("under-test")]
