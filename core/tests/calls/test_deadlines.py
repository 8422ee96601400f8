from __future__ import annotations

import gc
import os
import queue
import threading
import time
import weakref

import pytest

from headwater.calls.deadlines import Watchdog, shared_watchdog

PATIENCE = 10.0


def test_alarms_fire_at_their_moments_in_order() -> None:
    watchdog, done = Watchdog(), threading.Event()
    fired: list[str] = []

    def fire_last() -> None:
        fired.append("late")
        done.set()

    now = time.monotonic()
    watchdog.schedule(now + 0.08, fire_last)
    watchdog.schedule(now + 0.02, lambda: fired.append("early"))
    assert done.wait(PATIENCE)
    assert fired == ["early", "late"]
    assert time.monotonic() >= now + 0.08


def test_a_moment_in_the_past_fires_at_once() -> None:
    fired = threading.Event()
    Watchdog().schedule(0.0, fired.set)
    assert fired.wait(PATIENCE)


def test_a_cancelled_alarm_lets_go_of_what_its_callback_holds() -> None:
    """Results of many megabytes, though the alarm itself waits for the next sweep."""

    class Result:
        def forget(self) -> None:
            raise AssertionError

    watchdog, result = Watchdog(), Result()
    held = weakref.ref(result)
    earlier = watchdog.schedule(time.monotonic() + 1800, lambda: None)
    watchdog.schedule(time.monotonic() + 3600, result.forget).cancel()
    del result
    gc.collect()
    assert len(watchdog) == 2
    earlier.cancel()
    assert held() is None


def test_a_cancelled_alarm_stays_silent() -> None:
    watchdog, fired, later = Watchdog(), [], threading.Event()
    now = time.monotonic()
    watchdog.schedule(now + 0.01, lambda: fired.append(1)).cancel()
    watchdog.schedule(now + 0.03, later.set)
    assert later.wait(PATIENCE)
    assert fired == []


def test_an_alarm_cancelled_as_it_fires_does_nothing() -> None:
    alarm = Watchdog().schedule(time.monotonic() + 3600, lambda: pytest.fail("it was cancelled"))
    alarm.cancel()
    alarm.callback()


def test_one_thread_watches_however_many_alarms_there_are() -> None:
    before = set(threading.enumerate())
    watchdog = Watchdog()
    for _ in range(20):
        watchdog.schedule(time.monotonic() + 3600, lambda: None)
    (thread,) = set(threading.enumerate()) - before
    assert thread.name == "headwater-watchdog"


def test_its_threads_are_known_by_name_and_keep_no_process_alive() -> None:
    before, watchdog, seen = set(threading.enumerate()), Watchdog(), queue.Queue[threading.Thread]()
    watchdog.schedule(time.monotonic() + 3600, lambda: None)
    (watching,) = set(threading.enumerate()) - before
    watchdog.schedule(0.0, lambda: seen.put(threading.current_thread()))
    firing = seen.get(timeout=PATIENCE)
    assert (watching.name, watching.daemon) == ("headwater-watchdog", True)
    assert (firing.name, firing.daemon) == ("headwater-deadline", True)


def test_an_early_alarm_wakes_a_thread_that_sleeps_for_a_late_one() -> None:
    watchdog, fired = Watchdog(), threading.Event()
    watchdog.schedule(time.monotonic() + 3600, lambda: None)
    time.sleep(0.02)
    watchdog.schedule(time.monotonic() + 0.01, fired.set)
    assert fired.wait(PATIENCE)


def test_a_far_deadline_neither_overflows_nor_ends_the_thread() -> None:
    watchdog, fired = Watchdog(), threading.Event()
    watchdog.schedule(time.monotonic() + 1e12, lambda: None)
    time.sleep(0.02)
    watchdog.schedule(time.monotonic(), fired.set)
    assert fired.wait(PATIENCE)


def test_a_callback_that_blocks_delays_no_other(release: threading.Event) -> None:
    watchdog, fired = Watchdog(), threading.Event()
    watchdog.schedule(0.0, release.wait)
    watchdog.schedule(0.0, fired.set)
    assert fired.wait(PATIENCE)


def test_cancelled_alarms_do_not_pile_up() -> None:
    watchdog = Watchdog()
    for _ in range(10_000):
        watchdog.schedule(time.monotonic() + 3600, lambda: None).cancel()
    assert len(watchdog) <= 64


def test_the_thread_ends_when_idle_and_comes_back() -> None:
    watchdog = Watchdog(idle_seconds=0.02)
    for _ in range(2):
        fired = threading.Event()
        watchdog.schedule(0.0, fired.set)
        assert fired.wait(PATIENCE)
        until = time.monotonic() + PATIENCE
        while watchdog.running and time.monotonic() < until:
            time.sleep(0.005)
        assert not watchdog.running


def test_when_no_thread_can_start_the_deadline_still_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    watchdog, fired = Watchdog(), threading.Event()
    start = threading.Thread.start

    def only_the_watchdogs(thread: threading.Thread) -> None:
        if thread.name != "headwater-watchdog":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", only_the_watchdogs)
    watchdog.schedule(0.0, fired.set)
    assert fired.wait(PATIENCE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_watches_for_itself() -> None:
    fired = threading.Event()
    shared_watchdog().schedule(0.0, fired.set)
    assert fired.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        again = threading.Event()
        shared_watchdog().schedule(0.0, again.set)
        os._exit(0 if again.wait(PATIENCE) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
