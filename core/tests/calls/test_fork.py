"""A forked child has its parent's connections and none of its threads: the host says so instead of trying."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from headwater import Headwater, hookimpl
from headwater.models import CheckHealthResult

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Plain:
    def __init__(self) -> None:
        self.stopped = 0

    @hookimpl
    def check_health(self) -> CheckHealthResult:
        return CheckHealthResult.ok("fine")

    @hookimpl
    def stop_plugin(self) -> None:
        self.stopped += 1


def in_child(work: Callable[[], bool]) -> bool:
    """Whether `work` was true in a fork of this process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    "use",
    [
        lambda host: host.check_health("a"),
        lambda host: host.query("a", {}),
        lambda host: host.stream("a", {}),
        lambda host: host.query_data({"from": "now-1h", "to": "now", "queries": []}),
        lambda host: host.add_data_source("b", type="a"),
        lambda host: host.add_plugin("b", Plain()),
    ],
)
def test_a_forked_child_is_told_to_open_a_host_of_its_own(
    make_host: Callable[..., Headwater], use: Callable[[Headwater], object]
) -> None:
    host = make_host(a=Plain())

    def refused() -> bool:
        try:
            use(host)
        except RuntimeError as error:
            return "open one in each process, after the fork" in str(error)
        return False

    assert in_child(refused)
    assert host.check_health("a").message == "fine"


def test_closing_in_a_forked_child_ends_nothing_of_the_parents(make_host: Callable[..., Headwater]) -> None:
    plugin = Plain()
    host = make_host(a=plugin)

    def closes_quietly() -> bool:
        host.close()
        return plugin.stopped == 0

    assert in_child(closes_quietly)


def test_a_host_made_in_the_child_works(make_host: Callable[..., Headwater]) -> None:
    make_host(a=Plain()).check_health("a")
    assert in_child(lambda: make_host(a=Plain()).check_health("a").message == "fine")
