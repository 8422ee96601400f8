"""For plugin authors' tests: the conformance kit and a fault proxy. Needs the extra `headwater[testing]`."""

import pytest

from .fault_proxy import Fault, FaultProxy
from .features import DataSourceConfig, Features, ParameterProbe, Probes, Support, TypeProbe

# Before the import below, so that a failing check shows its values.
pytest.register_assert_rewrite("headwater.testing.conformance")

from .conformance import DataSourceConformance  # noqa: E402
from .conformance.mending import ConformanceError  # noqa: E402

__all__ = [
    "ConformanceError",
    "DataSourceConfig",
    "DataSourceConformance",
    "Fault",
    "FaultProxy",
    "Features",
    "ParameterProbe",
    "Probes",
    "Support",
    "TypeProbe",
]
