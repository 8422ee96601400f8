"""Dagster: data sources as a resource, rows as an asset, a data source's health as a check.

    pip install 'headwater[yaml]' headwater-testdata dagster dagster-webserver
    dagster dev -f dagster_assets.py

Data sources come from the file that HEADWATER_PROVISIONING names, or else there is one that needs no server.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pyarrow.parquet as pq

from headwater import Headwater, HeadwaterError
from headwater.datasources import provision
from headwater.models import HealthStatus


class DataSources(dg.ConfigurableResource):
    """A host for each process that runs steps; it is closed, with its queries, when the run ends.

    `provisioning` names a file with data sources. Secrets in it are references to the environment: what is in
    a resource's configuration is for everybody to see.
    """

    provisioning: str = ""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Headwater]:  # noqa: ARG002
        with Headwater() as headwater:
            if self.provisioning:
                provision(headwater.data_sources, [self.provisioning])
            else:
                headwater.add_data_source("demo", type="testdata")
            yield headwater


class Target(dg.Config):
    """Where and what; the launchpad shows it as a form."""

    data_source: str = "demo"
    path: str = "readings.parquet"


QUERY = {"scenario": "random_walk", "seed": 7}


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=5))
def readings(config: Target, data_sources: dg.ResourceParam[Headwater]) -> dg.MaterializeResult:
    """The last hour, as Parquet. Only what may go well another time is tried again."""
    try:
        frame = data_sources.query(config.data_source, QUERY, timeout=300)
    except HeadwaterError as error:
        if error.retryable:
            raise
        raise dg.Failure(str(error), allow_retries=False) from error
    pq.write_table(frame.table, config.path)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": frame.num_rows, "notices": [each.text for each in frame.notices]}
    )


@dg.asset_check(asset=readings)
def data_source_is_well(data_sources: dg.ResourceParam[Headwater]) -> dg.AssetCheckResult:
    result = data_sources.check_health("demo", timeout=10)
    return dg.AssetCheckResult(passed=result.status is HealthStatus.OK, metadata={"message": result.message})


defs = dg.Definitions(
    assets=[readings],
    asset_checks=[data_source_is_well],
    resources={"data_sources": DataSources(provisioning=os.environ.get("HEADWATER_PROVISIONING", ""))},
    jobs=[dg.define_asset_job("hourly", selection=[readings])],
    schedules=[dg.ScheduleDefinition(job_name="hourly", cron_schedule="0 * * * *")],
)
