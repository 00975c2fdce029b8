"""A batch of sign-ins judged by kept profiles, beside plain DuckDB SQL of the same features; the same first times asserted.

`python bench/behavior_speed.py [--users N] [--days N] [--batch N]`: a tenant of N users signs in three times a day; its history is
taught, then a batch comes. One peer aggregates the whole history again, the other asks a table of the same features that it keeps.
Each side is a process of its own: CPU seconds, sign-ins a second, peak memory. Exit 1 where the results differ, or where the
profiles take longer than aggregating again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from nephoscope.behavior.anomaly_detection import assess_observations
from nephoscope.behavior.observation_reader import OBSERVED
from nephoscope.behavior.profile_dimensions import DIMENSIONS
from nephoscope.behavior.profiles import RECENT, Profiles
from nephoscope.behavior.settings import BehaviorSettings

TODAY = 20_600
DAY = 86_400_000_000
PEERS = pa.table({"entity": pa.array([], pa.string()), "peer": pa.array([], pa.string())})
FILLED = {
    "Operation": "'sign-in'",
    "Country": "CASE WHEN {odd} THEN 'PT' ELSE 'C' || (u % 12)::TEXT END",
    "City": "'City' || (u % 40)::TEXT",
    "ISP": "'AS' || (u % 300 + e % 2)::TEXT",
    "Browser": "'Browser' || (u % 4)::TEXT",
    "System": "'System' || (u % 3)::TEXT",
    "Device": "'pc-' || u::TEXT",
    "App": "'App' || ((u + e * 7) % 60)::TEXT",
    "Resource": "'Office 365'",
    "Address": "'10.' || u::TEXT || '.' || (e % 2)::TEXT",
    "Hours": "'weekdays 08-12 UTC'",
    "Activity": "'LogOn'",
    "ActionType": "'Sign-in'",
}


def quiet() -> duckdb.DuckDBPyConnection:
    """A connection that draws nothing."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    return connection


def signed_in(users: int, first: int, days: int, events: int, odd: str) -> str:
    """SQL of observations: `events` a user and day; `odd` says which of them come from elsewhere."""
    made = {
        "event": "row_number() OVER () - 1",
        "id": "u::TEXT || '-' || d::TEXT || '-' || e::TEXT",
        "source": "'SigninLogs'",
        "kind": "'user'",
        "entity": "'user-' || u::TEXT",
        "ok": "true",
        "day": "d::INT",
        "time": f"d * {DAY} + (u * 7919 + e * 104729) % {DAY}",
    }
    columns = [
        f"{made.get(name) or FILLED.get(name, repr('')).format(odd=odd)} AS {name}" for name in OBSERVED.names
    ]
    ranges = f"range({users}) a(u), range({first}, {first + days}) b(d), range({events}) c(e)"
    return f"SELECT {', '.join(columns)} FROM {ranges}"


def history(connection: duckdb.DuckDBPyConnection, folder: Path, users: int, days: int) -> None:
    """The history as a file, for both sides."""
    text = signed_in(users, TODAY - days, days, 3, "false")
    connection.execute(f"COPY ({text}) TO '{folder}/history.parquet' (ROW_GROUP_SIZE 100000)")


def teach(folder: Path, days: int) -> None:
    """Put the history into the profiles, a day at a time."""
    columns = ", ".join(DIMENSIONS)
    profiles = Profiles(folder, "default")
    with quiet() as connection:
        for day in range(TODAY - days, TODAY):
            text = f"""WITH long AS (SELECT kind, entity, dimension, value, day, time FROM (UNPIVOT (
              SELECT kind, entity, day, time, {columns} FROM '{folder}/history.parquet' WHERE day = {day})
              ON {columns} INTO NAME dimension VALUE value)
              WHERE value <> '')
            SELECT kind, entity, dimension, value, day, min(time) AS first FROM long GROUP BY ALL
            UNION ALL SELECT kind, entity, dimension, '', day, min(time) FROM long GROUP BY kind, entity, dimension, day"""
            profiles.add_observations(connection.sql(text).to_arrow_table().cast(RECENT))
            if day % 5 == 0:
                profiles.fold(day + 2)
    profiles.fold(TODAY)


def by_profiles(folder: Path, batch: pa.Table) -> set[tuple[str, str, str]]:
    """The first times of the batch, by the product."""
    found = assess_observations(Profiles(folder, "default"), batch, PEERS, BehaviorSettings())
    return {
        (one.event["entity"], facts.dimension, facts.value)
        for one in found
        for facts in one.facts
        if facts.first and facts.dimension in ("Country", "App")
    }


PROFILE = """CREATE TABLE profile AS
    SELECT entity, dimension, value, count(DISTINCT day) AS days, max(day) AS last FROM (
      UNPIVOT (SELECT entity, day, {columns} FROM '{folder}/history.parquet') ON {columns} INTO NAME dimension VALUE value)
    WHERE value <> '' GROUP BY ALL"""
OTHERS = "CREATE TABLE others AS SELECT dimension, value, count(*) AS users, sum(days) AS days FROM profile GROUP BY ALL"
FEATURES = """SELECT l.entity, l.dimension, l.value, p.days, p.last, o.users, o.days AS others_days
    FROM (UNPIVOT (SELECT entity, {columns} FROM batch) ON {columns} INTO NAME dimension VALUE value) l
    LEFT JOIN profile p USING (entity, dimension, value) LEFT JOIN others o USING (dimension, value) WHERE l.value <> ''"""


def aggregate(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the tables of the features from the history."""
    connection.execute(PROFILE.format(columns=", ".join(DIMENSIONS), folder=folder))
    connection.execute(OTHERS)


def first_times(connection: duckdb.DuckDBPyConnection, batch: pa.Table) -> set[tuple[str, str, str]]:
    """The first times of the batch, by the features of all its dimensions."""
    connection.register("batch", batch)
    found = connection.sql(FEATURES.format(columns=", ".join(DIMENSIONS))).to_arrow_table()
    return {
        (str(one["entity"]), str(one["dimension"]), str(one["value"]))
        for one in found.to_pylist()
        if one["days"] is None and one["dimension"] in ("Country", "App")
    }


def by_aggregation(folder: Path, batch: pa.Table) -> set[tuple[str, str, str]]:
    """The same by aggregating everything again, with how many others show the value."""
    with quiet() as connection:
        aggregate(connection, folder)
        return first_times(connection, batch)


def keep_table(folder: Path) -> None:
    """Keep the features in a file of DuckDB."""
    with duckdb.connect(str(folder / "kept.duckdb")) as connection:
        connection.execute("SET enable_progress_bar = false")
        aggregate(connection, folder)


def by_kept_table(folder: Path, batch: pa.Table) -> set[tuple[str, str, str]]:
    """The same by a table that is kept, which nobody has to make first."""
    with duckdb.connect(str(folder / "kept.duckdb"), read_only=True) as connection:
        return first_times(connection, batch)


def measured(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float, int]:
    """What a function gives in a process of its own, its CPU seconds, and the peak of that process in MiB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_timed, (work, arguments))


def _timed(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float, int]:
    began = time.process_time()
    found = work(*arguments)
    return found, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def say(what: str, found: set[tuple[str, str, str]], seconds: float, peak: int, judged: int) -> None:
    """Print a side."""
    print(
        f"{what}: {seconds:.2f} s of CPU for {judged:,} sign-ins ({judged / seconds:,.0f}/s), peak {peak:,} MiB, "
        f"{len(found)} first times",
        flush=True,
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument(
        "--batch",
        type=int,
        default=2_000,
        help="sign-ins of the batch: five minutes of 100,000 users are about 1,000",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, quiet() as connection:
        folder = Path(name)
        history(connection, folder, options.users, options.days)
        text = signed_in(options.users, TODAY, 1, 1, "u % 500 = 7")
        batch = (
            connection.sql(f"SELECT * FROM ({text}) USING SAMPLE {options.batch} ROWS (reservoir, 1)")
            .to_arrow_table()
            .cast(OBSERVED)
        )
        _, seconds, peak = measured(teach, folder, options.days)
        rows, judged = options.users * options.days * 3, len(batch)
        print(
            f"history: {rows:,} sign-ins of {options.users:,} users taught in {seconds:.1f} s of CPU, peak {peak:,} MiB",
            flush=True,
        )
        again, slow, large = measured(by_aggregation, folder, batch)
        say("everything aggregated again", again, slow, large, judged)
        _, kept, large = measured(keep_table, folder)
        print(f"kept table: made in {kept:.1f} s of CPU, peak {large:,} MiB", flush=True)
        asked, direct, large = measured(by_kept_table, folder, batch)
        say("kept table asked", asked, direct, large, judged)
        found, fast, small = measured(by_profiles, folder, batch)
        say("profiles", found, fast, small, judged)
        size = sum(one.stat().st_size for one in (folder / "behavior").rglob("*.parquet")) >> 20
        print(
            f"on disk: profiles {size:,} MiB, kept table {(folder / 'kept.duckdb').stat().st_size >> 20:,} MiB"
        )
    same = found == again == asked
    print(
        f"{slow / fast:.1f} times faster than aggregating again, {fast / direct:.1f} times the CPU of the kept table, which weighs"
        f" nothing; results {'equal' if same else 'DIFFER'}"
    )
    return 0 if same and fast <= slow else 1


if __name__ == "__main__":
    sys.exit(main())
