from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from headwater import CallContext, QueryLimits
from headwater.calls import Progress
from headwater.calls.context import DEFAULT_LIMITS
from headwater.errors import (
    DeadlineExceededError,
    DownstreamConnectionError,
    HeadwaterError,
    PluginRequestFailedError,
    QueryCanceledError,
)

PATIENCE = 10.0


def ended_by_caller(context: CallContext) -> None:
    context.cancel("enough")


def ended_by_deadline(context: CallContext) -> None:
    context.deadline = time.monotonic()


ENDINGS = pytest.mark.parametrize(
    ("end", "kind"), [(ended_by_caller, QueryCanceledError), (ended_by_deadline, DeadlineExceededError)]
)


def test_a_new_call_is_alive() -> None:
    context = CallContext()
    context.check()
    assert not context.cancelled
    assert context.cancel_reason is None
    assert context.remaining() is None
    assert len(context.request_id) == 32


@ENDINGS
def test_a_call_that_is_over_says_why(end: Callable[[CallContext], None], kind: type[HeadwaterError]) -> None:
    context = CallContext()
    end(context)
    with pytest.raises(kind):
        context.check()
    assert type(context.cancel_reason) is kind


def test_each_check_raises_an_exception_of_its_own() -> None:
    context = CallContext()
    context.cancel()
    raised = []
    for _ in range(2):
        with pytest.raises(QueryCanceledError) as caught:
            context.check()
        raised.append(caught.value)
    assert raised[0] is not raised[1]


def test_the_first_end_counts() -> None:
    context = CallContext(timeout=0)
    assert isinstance(context.cancel_reason, DeadlineExceededError)
    context.cancel()
    assert isinstance(context.cancel_reason, DeadlineExceededError)


def test_remaining_never_goes_below_zero() -> None:
    assert CallContext(timeout=-5).remaining() == 0.0


def test_an_infinite_timeout_is_none() -> None:
    assert CallContext(timeout=float("inf")).deadline is None


def test_cancel_returns_after_all_callbacks() -> None:
    context = CallContext()
    ran = []
    context.on_cancel(lambda: ran.append("a"))
    context.on_cancel(lambda: ran.append("b"))
    context.cancel()
    assert sorted(ran) == ["a", "b"]


def test_a_callback_runs_once() -> None:
    context = CallContext()
    ran = []
    context.on_cancel(lambda: ran.append(1))
    for _ in range(3):
        context.cancel()
    assert ran == [1]


@ENDINGS
def test_a_callback_on_a_call_that_is_over_runs_at_once(
    end: Callable[[CallContext], None], kind: type[HeadwaterError]
) -> None:
    context = CallContext()
    end(context)
    ran = []
    context.on_cancel(lambda: ran.append(1))
    assert ran == [1]


def test_a_callback_taken_back_does_not_run() -> None:
    context = CallContext()
    ran = []
    with context.on_cancel(lambda: ran.append(1)):
        pass
    context.cancel()
    assert ran == []


def test_taking_back_one_registration_leaves_an_equal_one() -> None:
    context = CallContext()
    ran: list[int] = []

    def callback() -> None:
        ran.append(1)

    first = context.on_cancel(callback)
    context.on_cancel(callback)
    first.remove()
    first.remove()
    context.cancel()
    assert ran == [1]


def test_callbacks_run_when_the_deadline_passes_and_nobody_looks() -> None:
    fired = threading.Event()
    context = CallContext(timeout=0.01)
    context.on_cancel(fired.set)
    assert fired.wait(PATIENCE)
    assert isinstance(context.cancel_reason, DeadlineExceededError)


def test_a_deadline_noticed_by_the_query_runs_callbacks_in_another_thread() -> None:
    context = CallContext()
    lock, ran_in = threading.Lock(), []
    done = threading.Event()

    def callback() -> None:
        with lock:
            ran_in.append(threading.current_thread())
        done.set()

    context.on_cancel(callback)
    context.deadline = time.monotonic()
    with lock:
        assert context.cancelled  # would hang if the callback ran here
    assert done.wait(PATIENCE)
    assert ran_in != [threading.current_thread()]


def test_a_callback_that_blocks_delays_no_other(release: threading.Event) -> None:
    context = CallContext()
    other = threading.Event()
    context.on_cancel(release.wait)
    context.on_cancel(other.set)
    context.on_cancel(release.wait)
    threading.Thread(target=context.cancel, daemon=True).start()
    assert other.wait(PATIENCE)


def test_a_callback_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    context = CallContext()
    ran = []

    def fail() -> None:
        raise RuntimeError("broken kill")

    context.on_cancel(fail)
    context.on_cancel(lambda: ran.append(1))
    context.on_cancel(fail)
    context.cancel()
    assert ran == [1]
    assert sum("cancellation callback failed" in record.message for record in caplog.records) == 2


def test_callbacks_run_though_no_thread_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    context = CallContext()
    ran: list[str] = []
    context.on_cancel(lambda: ran.append("a"))
    context.on_cancel(lambda: ran.append("b"))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    context.cancel()
    assert ran == ["a", "b"]


def test_callbacks_may_be_left_to_somebody_else() -> None:
    context = CallContext()
    ran: list[int] = []
    handed: list[Callable[[], None]] = []
    context.on_cancel(lambda: ran.append(1))
    context.cancel_in(handed.append)
    assert context.cancelled
    assert ran == []
    handed[0]()
    assert ran == [1]


def test_a_closed_call_forgets_its_callbacks() -> None:
    ran = []
    with CallContext() as context:
        context.on_cancel(lambda: ran.append(1))
    context.cancel()
    assert ran == []


def test_wait_ends_early_when_the_call_does() -> None:
    context = CallContext()
    threading.Timer(0.02, context.cancel).start()
    started = time.monotonic()
    with pytest.raises(QueryCanceledError):
        context.wait(PATIENCE)
    assert time.monotonic() - started < PATIENCE


def test_wait_ends_at_the_deadline() -> None:
    with pytest.raises(DeadlineExceededError):
        CallContext(timeout=0.01).wait(PATIENCE)


def test_wait_returns_when_the_time_is_over() -> None:
    CallContext(timeout=PATIENCE).wait(0.001)


@ENDINGS
def test_a_child_ends_with_its_parent(end: Callable[[CallContext], None], kind: type[HeadwaterError]) -> None:
    parent = CallContext()
    child = parent.child()
    end(parent)
    ended = threading.Event()
    child.on_cancel(ended.set)
    assert parent.cancelled
    assert ended.wait(PATIENCE)
    assert type(child.cancel_reason) is kind


def test_a_child_of_a_call_that_is_over_is_over() -> None:
    parent = CallContext()
    parent.cancel("gone")
    with pytest.raises(QueryCanceledError, match="gone"):
        parent.child().check()


def test_a_parent_outlives_its_child() -> None:
    parent = CallContext()
    parent.child().cancel()
    parent.check()


def test_closing_a_child_leaves_the_parents_callbacks() -> None:
    parent = CallContext()
    ran = []
    parent.on_cancel(lambda: ran.append(1))
    with parent.child():
        pass
    parent.cancel()
    assert ran == [1]


def test_a_childs_deadline_is_the_earlier_one() -> None:
    parent = CallContext(timeout=100)
    assert (parent.child(timeout=1).remaining() or 0) <= 1
    assert 99 < (parent.child(timeout=1000).remaining() or 0) <= 100
    assert 99 < (parent.child().remaining() or 0) <= 100


def test_a_child_inherits_identity_and_limits() -> None:
    parent = CallContext(headers={"X-Panel-Id": "1"}, limits=QueryLimits(max_rows=7), skip_cache=True)
    parent.max_age, parent.max_stale = 5.0, 7.0
    child = parent.with_limits(max_bytes=9)
    assert child.request_id == parent.request_id
    assert child.headers == {"X-Panel-Id": "1"}
    assert (child.limits.max_rows, child.limits.max_bytes) == (7, 9)
    assert (child.skip_cache, child.max_age, child.max_stale) == (True, 5.0, 7.0)
    assert CallContext().limits is DEFAULT_LIMITS


def test_progress_reaches_the_watcher_of_a_child() -> None:
    seen: list[Progress] = []
    parent = CallContext(on_progress=seen.append)
    parent.child().report_progress(rows=5, bytes=10, total_rows=50)
    assert seen == [Progress(5, 10, 50)]
    CallContext().report_progress(rows=1)


def test_progress_of_children_adds_up() -> None:
    seen: list[Progress] = []
    one, other = CallContext(on_progress=seen.append).children(2)
    one.report_progress(rows=3, bytes=30, total_rows=5)
    other.report_progress(rows=4)
    one.report_progress(rows=5, bytes=50, total_rows=5)
    other.report_progress(rows=6, total_rows=8)
    assert [(each.rows, each.bytes, each.total_rows) for each in seen] == [
        (3, 30, 5), (7, 30, 0), (9, 50, 0), (11, 50, 13)
    ]  # fmt: skip
    assert not any(child.hears_progress for child in CallContext().children(2))


def test_children_end_with_their_parent() -> None:
    parent = CallContext()
    children = parent.children(2)
    parent.cancel()
    assert all(child.cancelled for child in children)


def test_an_error_of_a_live_call_is_explained_by_itself() -> None:
    error = DownstreamConnectionError("no route")
    assert CallContext().explain(error) is error


def test_a_foreign_error_is_logged_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    told = CallContext(request_id="r-1").explain(KeyError("hunter2"), ref_id="A")
    assert isinstance(told, PluginRequestFailedError)
    assert "hunter2" not in str(told)
    (record,) = caplog.records
    assert "request_id='r-1'" in record.message
    assert "ref_id='A'" in record.message
    assert record.exc_info is not None


@ENDINGS
def test_whatever_a_driver_raises_a_call_that_is_over_is_over(
    end: Callable[[CallContext], None], kind: type[HeadwaterError]
) -> None:
    context = CallContext()
    end(context)
    driver = OSError("socket closed by our own kill")
    told = context.explain(driver)
    assert type(told) is kind
    assert told.__cause__ is driver


def test_many_threads_may_register_while_one_cancels() -> None:
    context = CallContext()
    count, lock = [0], threading.Lock()
    barrier = threading.Barrier(9)

    def one() -> None:
        with lock:
            count[0] += 1

    def register() -> None:
        barrier.wait()
        for _ in range(50):
            context.on_cancel(one)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    barrier.wait()
    context.cancel()
    for thread in threads:
        thread.join()
    assert count == [400]
