"""The lake: how soon a row can be asked for, what a row costs as its table grows, and what many small files cost.

Usage: python bench/lake_speed.py [--rows N,N,...] [--seconds N] [--rate N] [--files N] [--folder DIR] [--only NAME,...]

freshness: rows come in at a rate, and now and then one that is looked for; seconds from its acknowledgement until a query finds it.
growth: appends and flushes until the table has so many rows; CPU and wall microseconds a row since the size before, and what a query
over all of it costs. Files that were joined are deleted at once, so that 200 million rows (--rows 1000000,20000000,200000000) take
some 6 GB of disk. files: one query over many small files, and after they were joined. tables: the queries over all of thirty
tables that an analyst begins with (search, union, find).
Exit 1 where freshness exceeds 5 s, a row costs more than 1.3 times the CPU at the largest size that it costs at the smallest, files
are not faster to ask once they were joined, or a first query over many tables takes more than a second of CPU.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from urllib.parse import unquote, urlparse

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from deltalake import DeltaTable  # noqa: E402

from lake import many_tables  # noqa: E402
from lake.firewall import CHUNK, TABLE, Firewall  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.lake.schema.row_conversion import to_arrow_rows  # noqa: E402
from nephoscope.lake.storage.table_store import get_table_path  # noqa: E402
from nephoscope.state import State  # noqa: E402
from speed.clock import peak_mib, span  # noqa: E402

FRESH = 5.0
GROWTH = 1.3
FIRST = 1.0
"""CPU seconds of a first query over many tables."""


class Untended(Lake):
    """A lake that flushes and joins files when it is told to, so that each is measured by itself."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1000000,4000000,10000000", help="sizes of the growing table")
    parser.add_argument("--seconds", type=float, default=60, help="how long freshness is measured")
    parser.add_argument("--rate", type=int, default=100_000, help="rows a second that come in meanwhile")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where the lakes are made (default: a temporary folder)")
    parser.add_argument("--only", default="", help="freshness, growth, files, tables")
    return parser.parse_args()


def freshness(data: Path, seconds: float, rate: int) -> bool:
    """Seconds from acknowledgement to the first query that finds the row, while rows come in at a rate."""
    stop, lags = threading.Event(), []
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        began = time.monotonic()
        counter = [0]
        load = threading.Thread(target=_load, args=(lake, rate, stop, counter))
        load.start()
        for number in range(10**6):
            if time.monotonic() - began > seconds:
                break
            lags.append(_found(lake, number))
        stop.set()
        load.join()
        took = time.monotonic() - began
    lags.sort()
    print(
        f"freshness: {len(lags)} rows looked for while {counter[0] / took:,.0f} rows/s came in ({rate:,} wanted): "
        f"median {median(lags):.2f} s, 95 % {lags[int(len(lags) * 0.95)]:.2f} s, worst {lags[-1]:.2f} s (limit {FRESH} s)"
    )
    return lags[-1] <= FRESH


def _load(lake: Lake, rate: int, stop: threading.Event, counter: list[int]) -> None:
    firewall, writer, began = Firewall(lake), lake.writer(), time.monotonic()
    size = min(CHUNK, max(rate // 4, 1))
    sequence = writer.last("load")
    while not stop.is_set():
        sequence += 1
        rows = firewall.chunk(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1), size)
        writer.append("default", {TABLE: rows}, producer="load", sequence=sequence)
        counter[0] += size
        stop.wait(max(0.0, began + counter[0] / rate - time.monotonic()))


def _found(lake: Lake, number: int) -> float:
    table = lake.tables["Heartbeat"]
    row = {"TimeGenerated": dt.datetime.now(dt.UTC), "Computer": f"c{number}"}
    rows = to_arrow_rows(table, [row], workspace=lake.workspace(), now=dt.datetime.now(dt.UTC)).table
    lake.writer().append("default", {"Heartbeat": rows}, producer="looked for", sequence=number)
    acknowledged = time.monotonic()
    text = f"Heartbeat | where Computer == 'c{number}' | count"
    while not lake.query(text)[0].table.column("Count")[0].as_py():
        time.sleep(0.05)
    return time.monotonic() - acknowledged


def growth(data: Path, sizes: list[int]) -> bool:
    """What a row costs from size to size: to append, flush and join; and what a query of one day costs."""
    costs = []
    day = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    total = largest = 0
    with State.open_folder(data) as state, Untended.open(data, state) as lake:
        firewall, writer = Firewall(lake), lake.writer()
        for size in sizes:
            before, cpu, wall = total, 0.0, 0.0
            while total < size:
                # a week, a day after the other, as a lake fills
                first = (
                    day
                    - dt.timedelta(days=6 - min(6, total * 7 // sizes[-1]))
                    - dt.timedelta(seconds=total // CHUNK % 80_000)
                )
                chunks = [firewall.chunk(first + dt.timedelta(seconds=n)) for n in range(20)]
                with span() as spent:
                    for n, rows in enumerate(chunks):
                        writer.append("default", {TABLE: rows}, producer="p", sequence=total // CHUNK + n)
                    writer.close_segment()
                    while (flushed := lake.flush_round()) is not None and flushed.segments:
                        pass
                    lake.compact()
                total += len(chunks) * CHUNK
                largest = max(largest, _size(data / "lake"))
                _drop_joined(data)
                cpu, wall = cpu + spent.cpu, wall + spent.wall
            costs.append(cpu / (total - before))
            with span() as asked:
                count = (
                    lake.query(
                        f"{TABLE} | summarize count(), sum(SentBytes) by DeviceAction | summarize sum(count_)"
                    )[0]
                    .table.column(0)[0]
                    .as_py()
                )
            assert count == total, f"{count} rows of {total}"
            each = 1e6 / (total - before)
            print(
                f"growth: {total:>11,} rows: {each * cpu:5.2f} us CPU, {each * wall:5.2f} us wall a row; "
                f"a sum over all {asked.wall:5.2f} s; {_size(data / 'lake') / total:5.1f} bytes a row on disk, "
                f"at most {largest / 2**20:,.0f} MiB; peak {peak_mib():,.0f} MiB",
                flush=True,
            )
    ratio = costs[-1] / costs[0]
    print(
        f"growth: a row costs {ratio:.2f} times at {total:,} rows what it costs at {sizes[0]:,} (limit {GROWTH})"
    )
    return ratio <= GROWTH


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.parquet"))


def _drop_joined(data: Path) -> None:
    """Delete the files that were joined into others, as vacuum does a day later: so any number of rows fits on the disk."""
    table = DeltaTable(get_table_path(data, "default", TABLE))
    used = {Path(unquote(urlparse(uri).path)).name for uri in table.file_uris()}
    for file in Path(get_table_path(data, "default", TABLE)).glob("_Day=*/*.parquet"):
        if file.name not in used:
            file.unlink()


def files(data: Path, count: int) -> bool:
    """One query over `count` small files of a day, and after they were joined."""
    first = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)
    text = f"{TABLE} | where DeviceAction == 'deny' | summarize count(), sum(SentBytes), dcount(SourceIP) by DestinationPort"
    with State.open_folder(data) as state, Untended.open(data, state) as lake:
        firewall, writer = Firewall(lake), lake.writer()
        for sequence in range(count):
            rows = firewall.chunk(first + dt.timedelta(seconds=sequence), 2_000)
            writer.append("default", {TABLE: rows}, producer="p", sequence=sequence)
            writer.close_segment()
            lake.flush_round()
        before, answer = _asked(lake, text)
        with span() as joining:
            joined = lake.compact()
        after, same = _asked(lake, text)
        assert answer == same, "the same query gives other rows after files were joined"
    print(
        f"files: {count} files of 2,000 rows: {before * 1e3:.0f} ms; after {joined} were joined in {joining.wall:.2f} s: "
        f"{after * 1e3:.0f} ms, {before / after:.1f} times as fast"
    )
    return after < before


def _asked(lake: Lake, text: str) -> tuple[float, list[str]]:
    """The median of five runs, and the rows."""
    times = []
    for _ in range(5):
        with span() as took:
            table = lake.query(text)[0].table
        times.append(took.wall)
    return median(times), sorted(map(repr, table.to_pylist()))


def tables(data: Path) -> bool:
    """CPU seconds of queries over all tables, where a few rows answer them and where every row is read."""
    with State.open_folder(data) as state, Untended.open(data, state) as lake:
        names = many_tables.fill(lake)
        lake.flush()
        lake.query("print 1")
        took = {text: _cpu(lake, text) for text in (*many_tables.FIRST, *many_tables.WHOLE)}
        width = lake.query("search * | take 1")[0].table.num_columns
    print(f"tables: {len(names)} of {many_tables.ROWS:,} rows, {width:,} columns together")
    for text, seconds in took.items():
        print(f"  {text:<45} {seconds:5.2f} s CPU")
    print(f"  peak {peak_mib():,.0f} MiB")
    return max(took[text] for text in many_tables.FIRST) <= FIRST


def _cpu(lake: Lake, text: str) -> float:
    """The median of three runs."""
    times = []
    for _ in range(3):
        with span() as took:
            lake.query(text)
        times.append(took.cpu)
    return median(times)


def main() -> int:
    """Run what is asked for, or everything."""
    given = arguments()
    sizes = sorted(int(size) for size in given.rows.split(","))
    works = {
        "freshness": lambda data: freshness(data, given.seconds, given.rate),
        "growth": lambda data: growth(data, sizes),
        "files": lambda data: files(data, given.files),
        "tables": tables,
    }
    wanted = set(filter(None, given.only.split(","))) or set(works)
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="lake-speed-", dir=given.folder))
    try:
        met = [work(folder / name) for name, work in works.items() if name in wanted]
    finally:
        shutil.rmtree(folder)
    print("lake: targets met" if all(met) else "lake: a target is MISSED")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
