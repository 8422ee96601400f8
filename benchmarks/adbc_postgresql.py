"""PostgreSQL to Arrow, beside its ADBC driver alone and connectorx, in one shuffled run.

    python benchmarks/adbc_postgresql.py                 2M x 16 and 5M x 3 rows, 3 rounds
    python benchmarks/adbc_postgresql.py --rows 0.1      a tenth of the rows

The driver alone is `adbc_driver_postgresql.dbapi` with `fetch_record_batch`. connectorx is left out where it
is not installed. Memory is that of a process which only streams.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
from timing import print_table, time_side_by_side

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from servers.postgresql import PASSWORD, USER, PostgresServer, start_postgresql

ROWS = {"wide": 2_000_000, "narrow": 5_000_000}
_WIDE = ", ".join(
    [f"(n * {k})::int8 AS i{k}" for k in range(1, 6)]
    + [f"(n * {k} / 7.0)::float8 AS f{k}" for k in range(1, 5)]
    + [f"'text ' || (n % {k}00) AS t{k}" for k in range(1, 4)]
    + ["timestamptz '2024-01-01' + n * interval '1 s' AS at", "n % 2 = 0 AS flag",
       "date '2024-01-01' + (n % 365)::int4 AS day", "(n / 4.0)::numeric(12, 2) AS price"]
)  # fmt: skip
_COLUMNS = {
    "wide": _WIDE,
    "narrow": "n::int8 AS id, (n / 7.0)::float8 AS value, 'text ' || (n % 100) AS text",
}
_STREAM = """
from headwater import Headwater
from memory import peak_mib
with Headwater(allow_plugins={{"postgresql"}}) as host:
    host.add_data_source(
        type="postgresql", name="db", url="127.0.0.1:{port}", user="{user}", database="postgres",
        json_data={{"sslmode": "disable"}}, secure_json_data={{"password": "{password}"}},
    )
    with host.stream("db", "SELECT * FROM {table}") as stream:
        rows = sum(batch.num_rows for batch in stream)
print(f"{{rows:,}} rows, {{peak_mib():.0f}} MiB at most")
"""


def fill(server: PostgresServer, scale: float) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for table, rows in ROWS.items():
            count = int(rows * scale)
            connection.execute(
                f"CREATE TABLE {table} AS SELECT {_COLUMNS[table]} FROM generate_series(1, {count}) AS n"
            )
        connection.execute("VACUUM ANALYZE")


def contenders(server: PostgresServer, sql: str) -> dict[str, Callable[[], object]]:
    import adbc_driver_postgresql.dbapi as driver

    from headwater import Headwater

    alone = driver.connect(server.url())
    host = Headwater(allow_plugins={"postgresql"})
    host.add_data_source(
        type="postgresql", name="db", url=f"127.0.0.1:{server.port}", user=USER, database="postgres",
        json_data={"sslmode": "disable"}, secure_json_data={"password": PASSWORD},
    )  # fmt: skip

    def driver_alone() -> int:
        with alone.cursor() as cursor:
            cursor.execute(sql)
            return sum(batch.num_rows for batch in cursor.fetch_record_batch())

    def headwater() -> int:
        with host.stream("db", sql) as stream:
            return sum(batch.num_rows for batch in stream)

    found: dict[str, Callable[[], object]] = {"the driver alone": driver_alone, "Headwater": headwater}
    if importlib.util.find_spec("connectorx"):
        import connectorx

        found["connectorx"] = lambda: connectorx.read_sql(server.url(), sql, return_type="arrow")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=float, default=1.0, help="share of the rows")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with start_postgresql() as server:
        fill(server, arguments.rows)
        for table, rows in ROWS.items():
            side_by_side = contenders(server, f"SELECT * FROM {table}")
            title = f"{int(rows * arguments.rows):,} rows, {table}"
            print_table(title, time_side_by_side(side_by_side, rounds=arguments.rounds), unit="s")
        small = contenders(server, "SELECT 1 AS one")
        small.pop("connectorx", None)
        print_table("one row", time_side_by_side(small, rounds=5, calls=100), unit="µs")
        code = _STREAM.format(port=server.port, user=USER, password=PASSWORD, table="wide")
        here = Path(__file__).parent
        alone = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=here)
        print("\nstreaming alone:", alone.strip())


if __name__ == "__main__":
    main()
