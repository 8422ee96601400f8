"""The conformance kit: inherit `DataSourceConformance` and every check runs against your plugin."""

from .answers import AnswerChecks
from .cancellation import CancellationChecks
from .concurrency import ConcurrencyChecks
from .errors import ErrorChecks
from .health import HealthChecks
from .lifecycle import LifecycleChecks
from .packaging import PackagingChecks
from .parameters import ParameterChecks
from .query import QueryChecks
from .read_tasks import ReadTaskChecks
from .resources import ResourceChecks
from .secrets import SecretsChecks
from .settings import SettingsChecks
from .streaming import StreamingChecks

__all__ = ["DataSourceConformance"]


class DataSourceConformance(
    PackagingChecks,
    SettingsChecks,
    SecretsChecks,
    LifecycleChecks,
    HealthChecks,
    QueryChecks,
    StreamingChecks,
    ReadTaskChecks,
    AnswerChecks,
    ParameterChecks,
    CancellationChecks,
    ErrorChecks,
    ResourceChecks,
    ConcurrencyChecks,
):
    """What every data source must do.

    ```python
    class TestMySQL(DataSourceConformance):
        plugin_id = "mysql"
        driver_modules = ("pymysql",)
        probes = Probes(simple={"rawSql": "SELECT 1"}, ...)

        @pytest.fixture
        def config(self, mysql_server):
            return DataSourceConfig(url=mysql_server.address)
    ```

    New mandatory checks come with minor versions of the core only, announced one minor version before.
    """
