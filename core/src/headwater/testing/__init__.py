"""For tests: the conformance kit, a fault proxy, and data sources with answers of your own.

Needs the extra `headwater[testing]`.
"""

import pytest

from .fakes import FakeSource, fake_source
from .fault_proxy import Fault, FaultProxy
from .features import DataSourceConfig, Features, ParameterProbe, Probes, Support, TypeProbe

# Before the import below, so that a failing check shows its values.
pytest.register_assert_rewrite("headwater.testing.conformance")

from .checking import CheckResult, PluginChecks, check_plugin  # noqa: E402
from .conformance import DataSourceConformance  # noqa: E402
from .conformance.mending import ConformanceError  # noqa: E402

__all__ = [
    "CheckResult",
    "ConformanceError",
    "DataSourceConfig",
    "DataSourceConformance",
    "FakeSource",
    "Fault",
    "FaultProxy",
    "Features",
    "ParameterProbe",
    "PluginChecks",
    "Probes",
    "Support",
    "TypeProbe",
    "check_plugin",
    "fake_source",
]
