from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from headwater.errors import (
    DeadlineExceededError,
    PluginRequestFailedError,
    PluginUnavailableError,
    QueryRequestError,
    ValidationError,
)
from headwater.models import DataSourceInstanceSettings, PluginContext
from headwater.plugins.instances import InstanceManager

PATIENCE = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Instance:
    """Knows whether it is used, and complains if that goes wrong."""

    def __init__(self, context: PluginContext) -> None:
        settings = context.data_source_instance_settings
        self.version = settings.version if settings else 0
        self.uid = settings.uid if settings else ""
        self.closed: int = 0
        self.users = 0
        self.closed_while_used = False

    def close(self) -> None:
        self.closed += 1
        self.closed_while_used |= self.users > 0


class Factory:
    def __init__(self) -> None:
        self.built: list[Instance] = []
        self.before: Callable[[], object] = lambda: None

    def __call__(self, context: PluginContext) -> Instance:
        self.before()
        instance = Instance(context)
        self.built.append(instance)
        return instance

    @property
    def alive(self) -> list[Instance]:
        return [each for each in self.built if not each.closed]


def at(uid: str = "u", version: int = 1, **more: object) -> PluginContext:
    settings = DataSourceInstanceSettings(uid=uid, name=uid, type="t", version=version)
    return PluginContext("t", data_source_instance_settings=settings, **more)  # type: ignore[arg-type]


@pytest.fixture
def factory() -> Factory:
    return Factory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(factory: Factory, clock: Clock) -> InstanceManager[Instance]:
    return InstanceManager(factory, Instance.close, clock=clock)


def test_one_configuration_has_one_instance(manager: InstanceManager[Instance], factory: Factory) -> None:
    with manager.use(at()) as first, manager.use(at()) as second:
        assert first is second
    with manager.use(at()) as third:
        assert third is first
    assert len(factory.built) == len(manager) == 1


@pytest.mark.parametrize(
    "changed",
    [
        at(version=2),
        at(uid="other"),
        at(config={"GF_SQL_ROW_LIMIT": "5"}),
        at(namespace="other host"),
        PluginContext(
            "t",
            data_source_instance_settings=DataSourceInstanceSettings(
                uid="u", name="u", type="t", version=1, updated=datetime.now(UTC)
            ),
        ),
    ],
)
def test_another_configuration_has_another_instance(
    manager: InstanceManager[Instance], changed: PluginContext
) -> None:
    with manager.use(at()) as first, manager.use(changed) as second:
        assert first is not second


def test_calls_without_a_data_source_share_an_instance(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    for context in (PluginContext("t"), PluginContext("t"), at()):
        with manager.use(context):
            pass
    assert [each.uid for each in factory.built] == ["", "u"]


def test_a_replaced_instance_closes_when_its_last_user_leaves(
    manager: InstanceManager[Instance],
) -> None:
    with manager.use(at(version=1)) as old, manager.use(at(version=1)):
        with manager.use(at(version=2)):
            assert len(manager) == 2
        assert old.closed == 0
    assert old.closed == 1
    assert len(manager) == 1


def test_an_unused_instance_closes_as_soon_as_it_is_replaced(manager: InstanceManager[Instance]) -> None:
    with manager.use(at(version=1)) as old:
        pass
    with manager.use(at(version=2)):
        assert old.closed == 1


def test_a_request_with_older_settings_takes_the_newer_instance(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    with manager.use(at(version=2)) as new, manager.use(at(version=1)) as same:
        assert same is new
    assert len(factory.built) == 1


def test_nothing_is_closed_while_used_and_each_configuration_is_built_once(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    version, faults = itertools.count(2), []
    latest = [1]
    barrier = threading.Barrier(9)

    def read() -> None:
        barrier.wait()
        for _ in range(300):
            with manager.use(at(version=latest[0])) as instance:
                instance.users += 1
                if instance.closed:
                    faults.append("closed while used")
                instance.users -= 1

    def edit() -> None:
        barrier.wait()
        for _ in range(60):
            latest[0] = next(version)
            time.sleep(0.0005)

    threads = [threading.Thread(target=read) for _ in range(8)] + [threading.Thread(target=edit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    manager.stop()
    assert faults == []
    versions = [each.version for each in factory.built]
    assert len(set(versions)) == len(versions)
    assert all(each.closed == 1 and not each.closed_while_used for each in factory.built)
    assert len(manager) == 0


def test_threads_that_come_together_wait_for_one_build(
    manager: InstanceManager[Instance], factory: Factory, release: threading.Event
) -> None:
    factory.before = release.wait
    found: list[Instance] = []

    def use() -> None:
        with manager.use(at()) as instance:
            found.append(instance)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    release.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(set(map(id, found))) == len(factory.built) == 1


def test_a_slow_build_delays_neither_other_data_sources_nor_users_of_the_old_configuration(
    manager: InstanceManager[Instance], factory: Factory, release: threading.Event
) -> None:
    with manager.use(at(version=1)):
        pass
    building = threading.Event()

    def build_slowly() -> None:
        building.set()
        release.wait(PATIENCE)

    factory.before = build_slowly
    thread = threading.Thread(target=lambda: manager.release(manager.acquire(at(version=2))))
    thread.start()
    assert building.wait(PATIENCE)
    factory.before = lambda: None
    with manager.use(at(version=1)) as old, manager.use(at(uid="other")) as other:
        assert (old.version, other.uid) == (1, "other")
    release.set()
    thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValidationError("is required", path="jsonData.url"), ValidationError),
        (QueryRequestError("No queries found", "query.noQueries"), QueryRequestError),
        (KeyError("port"), PluginRequestFailedError),
    ],
)
def test_a_failed_build_is_remembered_with_growing_pauses(
    manager: InstanceManager[Instance],
    factory: Factory,
    clock: Clock,
    error: Exception,
    kind: type[Exception],
) -> None:
    tries = []

    def fail() -> None:
        tries.append(clock.now)
        raise error

    factory.before = fail
    for clock.now in [0.0, 0.5, 0.9, 1.0, 1.5, 2.9, 3.0, 6.9, 7.0]:
        with pytest.raises((kind, type(error))):
            manager.acquire(at())
    assert tries == [0.0, 1.0, 3.0, 7.0]
    for clock.now in range(8, 200):
        with pytest.raises((kind, type(error))):
            manager.acquire(at())
    assert max(later - sooner for sooner, later in itertools.pairwise(tries)) == 30


def test_a_remembered_failure_is_the_same_error(manager: InstanceManager[Instance], factory: Factory) -> None:
    error = ValidationError("is required", path="jsonData.url")

    def fail() -> None:
        raise error

    factory.before = fail
    caught = []
    for _ in range(3):
        with pytest.raises(ValidationError) as info:
            manager.acquire(at())
        caught.append(info.value)
    assert [(each.path, each.reason) for each in caught] == [("jsonData.url", "is required")] * 3
    assert caught[1] is not caught[2]


def test_a_changed_configuration_is_tried_at_once(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    def fail() -> None:
        raise ValidationError("bad")

    factory.before = fail
    with pytest.raises(ValidationError):
        manager.acquire(at(version=1))
    factory.before = lambda: None
    with manager.use(at(version=2)) as instance:
        assert instance.version == 2


def test_a_failed_edit_leaves_users_of_the_old_configuration_alone(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    with manager.use(at(version=1)) as old:
        pass

    def fail() -> None:
        raise ValidationError("bad")

    factory.before = fail
    with pytest.raises(ValidationError):
        manager.acquire(at(version=2))
    with manager.use(at(version=1)) as still:
        assert still is old


def test_a_discarded_instance_is_replaced_at_the_next_use(manager: InstanceManager[Instance]) -> None:
    with manager.use(at()) as hanging:
        manager.discard(at())
        with manager.use(at()) as other:
            assert other is not hanging
        assert hanging.closed == 0
    assert hanging.closed == 1


def test_stop_does_not_wait_for_a_discarded_instance(manager: InstanceManager[Instance]) -> None:
    manager.acquire(at())
    manager.discard(at())
    manager.stop(timeout=PATIENCE)


def test_an_instance_discarded_while_it_is_built_serves_and_closes(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    factory.before = lambda: manager.discard(at())
    with manager.use(at()) as instance:
        assert instance.closed == 0
    assert instance.closed == 1
    assert len(manager) == 0


def test_a_build_that_hangs_does_not_keep_others_waiting_once_discarded(
    manager: InstanceManager[Instance], factory: Factory, release: threading.Event
) -> None:
    building = threading.Event()

    def build_slowly() -> None:
        building.set()
        release.wait(PATIENCE)

    factory.before = build_slowly
    hanging = threading.Thread(target=lambda: manager.release(manager.acquire(at())))
    hanging.start()
    assert building.wait(PATIENCE)
    factory.before = lambda: None
    manager.discard(at())
    with manager.use(at()) as fresh:
        assert not fresh.closed
    release.set()
    hanging.join(PATIENCE)
    assert [each.closed for each in factory.built] == [0, 1]


def test_an_instance_unused_for_an_hour_is_closed(
    manager: InstanceManager[Instance], clock: Clock, factory: Factory
) -> None:
    with manager.use(at("idle")) as idle, manager.use(at("busy")):
        pass
    clock.now = 3000.0
    with manager.use(at("busy")):
        clock.now = 3700.0
        with manager.use(at("third")):
            pass
    assert idle.closed == 1
    assert [each.uid for each in factory.alive] == ["busy", "third"]


def test_a_stopped_manager_has_closed_everything_and_refuses(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    for uid in "abc":
        with manager.use(at(uid)):
            pass
    manager.stop()
    manager.stop()
    assert [each.closed for each in factory.built] == [1, 1, 1]
    with pytest.raises(PluginUnavailableError, match="stopped"):
        manager.acquire(at())


def test_stop_waits_for_users(manager: InstanceManager[Instance]) -> None:
    live = manager.acquire(at())
    live.value.users += 1

    def leave() -> None:
        live.value.users -= 1
        manager.release(live)

    threading.Timer(0.05, leave).start()
    manager.stop(timeout=PATIENCE)
    assert live.value.closed == 1
    assert not live.value.closed_while_used


def test_stop_closes_what_is_never_given_back_and_says_so(manager: InstanceManager[Instance]) -> None:
    live = manager.acquire(at())
    with pytest.raises(DeadlineExceededError, match="1 data source"):
        manager.stop(timeout=0.01)
    assert live.value.closed == 1
    manager.release(live)
    assert live.value.closed == 1


def test_an_instance_built_while_stopping_is_closed(
    manager: InstanceManager[Instance], factory: Factory
) -> None:
    factory.before = manager.stop
    with pytest.raises(PluginUnavailableError, match="stopped"):
        manager.acquire(at())
    assert [each.closed for each in factory.built] == [1]


def test_a_close_that_fails_is_logged_and_hurts_nobody(
    factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Instance) -> None:
        raise OSError("already gone")

    manager = InstanceManager(factory, fail)
    with manager.use(at(version=1)):
        pass
    with manager.use(at(version=2)) as instance:
        assert instance.version == 2
    manager.stop()
    assert sum("Closing a data source failed" in record.message for record in caplog.records) == 2
