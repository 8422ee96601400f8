from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from headwater import Headwater
from headwater_server.auth import CallerLimits
from headwater_server.http import HttpOptions, create_app
from headwater_server.metrics import HostMetrics
from servers.http_host import RunningHost, admin_authenticator, run_host

HostFactory = Callable[..., RunningHost]


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    """A host with the test data source `demo`, shared by a module's tests."""
    metrics = HostMetrics()
    authenticator, admin = admin_authenticator(password="correct horse")
    with Headwater(middlewares=(metrics.plugin_middleware,), allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        app = create_app(
            headwater,
            authenticator=authenticator,
            metrics=metrics,
            limits=CallerLimits(failures_per_minute=None),
        )
        with run_host(app, admin) as running:
            yield running


@pytest.fixture
def client(host: RunningHost) -> Iterator[httpx2.Client]:
    with host.client() as client:
        yield client


@pytest.fixture
def make_host() -> Iterator[HostFactory]:
    """Hosts with options of their own: `make_host(options={…}, listen={…}, **create_app_options)`."""
    with ExitStack() as stack:

        def make(
            *, options: Mapping[str, Any] | None = None, listen: Mapping[str, Any] | None = None, **more: Any
        ) -> RunningHost:
            headwater = stack.enter_context(Headwater(allow_plugins={"testdata"}))
            headwater.add_data_source(type="testdata", name="Demo", uid="demo")
            authenticator, admin = admin_authenticator()
            more.setdefault("authenticator", authenticator)
            app = create_app(headwater, options=HttpOptions(**(options or {})), **more)
            return stack.enter_context(run_host(app, admin, **(listen or {})))

        yield make
