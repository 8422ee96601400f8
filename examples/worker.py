"""A worker: every few seconds a query becomes a Parquet file. SIGTERM ends it well, the running query too.

    pip install 'headwater[yaml]' headwater-testdata apscheduler
    python worker.py exports --every 5
    HEADWATER_PROVISIONING=sources.yaml python worker.py exports --source shop --query '{"rawSql": "…"}'

Forks: a host belongs to the process that made it, so it is opened here, in the process that uses it. A Celery
worker opens one in `worker_process_init` and closes it in `worker_process_shutdown`, for the same reason.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from apscheduler.schedulers.background import BackgroundScheduler

from headwater import CallContext, Headwater
from headwater.datasources import provision
from headwater.errors import HeadwaterError

log = logging.getLogger("worker")


class Export:
    """Writes the answer of one query to a new file in `folder`."""

    def __init__(
        self, headwater: Headwater, folder: Path, source: str, query: Mapping[str, Any], context: CallContext
    ) -> None:
        self._headwater = headwater
        self._folder = folder
        self._source = source
        self._query = query
        self._context = context

    def __call__(self) -> None:
        """A failure is logged, and the next run tries again."""
        target = self._folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.parquet"
        unfinished = target.with_suffix(".part")
        try:
            rows = self._write(unfinished)
        except HeadwaterError as error:
            unfinished.unlink(missing_ok=True)
            log.warning("no file: %s (%s)", error, error.source)
        else:
            unfinished.rename(target)  # whoever looks into the folder sees whole files only
            log.info("%s: %d rows", target.name, rows)

    def _write(self, path: Path) -> int:
        with (
            self._headwater.stream(self._source, self._query, timeout=60, context=self._context) as stream,
            pq.ParquetWriter(path, stream.schema) as writer,
        ):
            for batch in stream:
                writer.write_batch(batch)
        return stream.rows


def main() -> None:
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Headwater(logger=log) as headwater, CallContext() as context:
        add_data_sources(headwater)
        export = Export(headwater, arguments.folder, arguments.source, arguments.query, context)
        scheduler = BackgroundScheduler(timezone=UTC)
        scheduler.add_job(export, "interval", seconds=arguments.every, next_run_time=datetime.now(UTC))
        scheduler.start()
        stop.wait()
        context.cancel("The worker is stopping.")  # reaches the database
        scheduler.shutdown(wait=True)
    log.info("stopped")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Export a query to Parquet files, again and again.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--source", default="demo")
    parser.add_argument("--query", type=json.loads, default={"scenario": "random_walk", "seed": 7})
    return parser.parse_args()


def add_data_sources(headwater: Headwater) -> None:
    """Those of the file that HEADWATER_PROVISIONING names, or else one that needs no server."""
    if file := os.environ.get("HEADWATER_PROVISIONING"):
        provision(headwater.data_sources, [file])
    else:
        headwater.add_data_source(name="demo", type="testdata")


if __name__ == "__main__":
    main()
