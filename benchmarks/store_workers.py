"""A thousand workers against one store: what becomes of them when connections are kept, and when not.

Needs `tests` on PYTHONPATH and PostgreSQL.

Threads in a few processes stand for workers. What they share is the machine: seconds compare within a run.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from headwater.datasources import AddDataSource, DataSourceCache, DataSourceService
from headwater.errors import HeadwaterError
from headwater.secrets import DirectoryKeySource, Secret
from headwater_server.store import SqlStore
from servers.postgresql import start_postgresql

WORKERS, PROCESSES = 1000, 4
HELD_SECONDS = 3.0
"""How long a worker reads its part: meanwhile it asks the store for nothing."""


def work(url: str, keys: str, workers: int, keep: bool) -> None:
    """Workers as threads of one process; prints what became of them."""
    logging.disable()
    outcomes: Counter[str] = Counter()
    seconds: list[float] = []

    def one(_number: int) -> None:
        started = time.perf_counter()
        try:
            store = SqlStore.open(url, keep_connections=keep)
        except HeadwaterError as error:
            outcomes[f"refused: {error} ({_last_line(error.__cause__)})"] += 1
            return
        try:
            cache = DataSourceCache(store)
            service = DataSourceService.with_keys(store, [DirectoryKeySource(keys)])
            service.decrypt(cache.get_by_uid("shop"))
            seconds.append(time.perf_counter() - started)
            time.sleep(HELD_SECONDS)
            outcomes["served"] += 1
            cache.close()
        except HeadwaterError as error:
            outcomes[f"refused: {error} ({_last_line(error.__cause__)})"] += 1
        finally:
            store.close()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(workers)))
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([outcomes, sorted(seconds), cpu.ru_utime + cpu.ru_stime]))


def _last_line(cause: BaseException | None) -> str:
    return str(getattr(cause, "orig", cause)).strip().rpartition("\n")[2][-80:]


def peak_connections(url: str, stop: threading.Event) -> int:
    most = 0
    with psycopg.connect(url, autocommit=True) as connection:
        while not stop.wait(0.02):
            row = connection.execute(
                "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
            ).fetchone()
            most = max(most, row[0] if row else 0)
    return most


def simulate(url: str, keys: str, workers: int, keep: bool) -> None:
    stop = threading.Event()
    command = [sys.executable, __file__, "--work", url, keys, str(workers // PROCESSES), str(int(keep))]
    with ThreadPoolExecutor(1) as watching:
        peak = watching.submit(peak_connections, url, stop)
        started = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
        results = [json.loads(each.communicate()[0]) for each in running]
        took = time.perf_counter() - started
        stop.set()
    outcomes = sum((Counter(each[0]) for each in results), Counter[str]())
    seconds = sorted(second for each in results for second in each[1])
    kind = "connections kept" if keep else "connections closed when they rest"
    cpu = sum(each[2] for each in results)
    print(f"\n{workers} workers, {kind}: {took:.1f} s in all, {cpu:.1f} s of CPU, the database's apart")
    print(f"  most connections at once: {peak.result()}")
    if seconds:
        middle = seconds[len(seconds) // 2]
        print(f"  until a worker has its data source: median {middle:.2f} s, last {seconds[-1]:.2f} s")
    for outcome, count in outcomes.most_common():
        print(f"  {count:5} {outcome}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", nargs=4)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--only", choices=["kept", "closed"])
    options = parser.parse_args()
    if options.work:
        url, keys, workers, keep = options.work
        work(url, keys, int(workers), keep == "1")
        return
    with start_postgresql() as postgresql, TemporaryDirectory() as folder:
        url, keys = postgresql.new_database("workers"), str(Path(folder) / "keys")
        store = SqlStore.open(url)
        service = DataSourceService.with_keys(store, [DirectoryKeySource(keys)])
        secret = {"password": Secret("s3cret")}
        service.add(AddDataSource(name="shop", uid="shop", type="mysql", secure_json_data=secret))
        store.close()
        for keep in {"kept": (True,), "closed": (False,)}.get(options.only, (True, False)):
            simulate(url, keys, options.workers, keep)


if __name__ == "__main__":
    main()
