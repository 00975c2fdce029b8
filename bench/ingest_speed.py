"""Log files to the lake: rows a second and core, format by format, beside DuckDB's read_json and beside reading the bytes.

Usage: python bench/ingest_speed.py [--quick] [--formats NAME,NAME] [--mib N] [--memory N,N] [--loads NAME,NAME]

A line a format, all in CPU seconds of one thread: `read` the bytes (the limit), rows in Arrow, `parquet` those rows written as Parquet
(zstd), `delta` the rows through the spool into the Delta table, DuckDB from the same file to Parquet; and the ratios. The peer does
less: no check of a value, no common columns, no bag, no fsync. Below it where a row's time goes: read (cut, recognized, rows made),
spool (packed, written, synced), unpack (and joined), encode (Parquet), commit (checksums, syncs, Delta's log). Then the command itself
on growing files, of flow logs and of seven formats at once (`mixed`): its peak memory must not grow (exit 1), and it must take in
every row (exit 1). --quick: small files, for daily use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

import pyarrow as pa  # noqa: E402

from ingest import files, peer  # noqa: E402
from nephoscope.ingest.logs.discovery import load_formats  # noqa: E402
from nephoscope.ingest.logs.log_format import Destination, StreamContext  # noqa: E402
from nephoscope.ingest.logs.log_reader import read  # noqa: E402
from nephoscope.ingest.logs.parsed_batch import ParsedBatch  # noqa: E402
from nephoscope.lake.dictionary_rows import join_tables  # noqa: E402
from nephoscope.lake.durable_files import Disk, TableFile  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.lake.schema.tables import Tables  # noqa: E402
from nephoscope.lake.storage import table_store  # noqa: E402
from nephoscope.state import State  # noqa: E402
from nephoscope.state.state_ledger import StateLedger  # noqa: E402
from nephoscope.state.workspaces.workspace import Workspace  # noqa: E402

#: The command, which says its peak at its end: what the system tells of a child begins with the memory of its parent.
_COMMAND = r"""
import os, re, sys
from nephoscope.cli.main import main
leave = os._exit
def peak(code):
    found = re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())
    print("peak", found[1], file=sys.stderr, flush=True)
    leave(code)
os._exit = peak
main()
"""
#: What the peak may grow by when the file does.
GROWTH = 1.25


def parse(file: Path) -> tuple[list[ParsedBatch], float]:
    """The file's rows, and CPU seconds."""
    context = StreamContext(file.name, datetime.now(UTC), destination=Destination.DEDICATED)
    began = time.process_time()
    with file.open("rb") as stream:
        found = list(
            read(
                stream,
                load_formats(),
                context,
                tables=Tables.builtin(),
                workspace=Workspace.from_name("default"),
            )
        )
    return found, time.process_time() - began


def rows_of(found: list[ParsedBatch]) -> int:
    """How many rows there are."""
    return sum(table.num_rows for parsed in found for table in parsed.tables.values())


def to_parquet(found: list[ParsedBatch], folder: Path) -> float:
    """CPU seconds to write the rows as the Parquet files of the lake."""
    began = time.process_time()
    parts: dict[str, list[pa.Table]] = {}
    for parsed in found:
        for name, table in parsed.tables.items():
            parts.setdefault(name, []).append(table)
    for name, tables in parts.items():
        whole = join_tables(tables)
        Disk().write_table(folder / f"{name}.parquet", whole, Tables.builtin()[name].schema)
    return time.process_time() - began


class Untended(Lake):
    """A lake that flushes when it is told to, so that each step is measured by itself."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


class Timed(Disk):
    """A disk that counts the CPU seconds of writing Parquet."""

    def __init__(self) -> None:
        self.encoding = 0.0

    def create_table_file(self, path: Path, schema: pa.Schema) -> TableFile:
        return TimedFile(self, path, schema)


class TimedFile(TableFile):
    """A Parquet file whose time is counted."""

    def __init__(self, disk: Timed, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema)
        self._timed = disk

    def write(self, rows: pa.Table) -> None:
        began = time.process_time()
        super().write(rows)
        self._timed.encoding += time.process_time() - began

    def close(self) -> None:
        began = time.process_time()
        super().close()
        self._timed.encoding += time.process_time() - began


@dataclass(frozen=True, slots=True)
class Steps:
    """CPU seconds of the way into Delta: packed into the spool and synced, unpacked and joined, encoded as Parquet, committed."""

    spool: float
    unpack: float
    encode: float
    commit: float

    @property
    def whole(self) -> float:
        return self.spool + self.unpack + self.encode + self.commit


def to_delta(found: list[ParsedBatch], folder: Path) -> Steps:
    """From rows through the spool into the Delta tables."""
    disk = Timed()
    with State.open_folder(folder) as state, Untended(folder, StateLedger(state), disk=disk) as lake:
        writer = lake.writer()
        began = time.process_time()
        for number, parsed in enumerate(found):
            writer.append("default", parsed.tables, bad=parsed.bad, producer="bench", sequence=number)
        spooled, (writing, wrote) = time.process_time(), _clocked()
        lake.flush(600)
        ended = time.process_time()
        table_store.write_parts = wrote
    unpacked = writing[0] - disk.encoding
    return Steps(spooled - began, unpacked, disk.encoding, ended - spooled - writing[0])


def _clocked() -> tuple[list[float], Callable[..., Any]]:
    """Count the CPU seconds in which files are written: unpacking, joining and encoding; and what is to be put back."""
    wrote, seconds = table_store.write_parts, [0.0]

    def clocked(*arguments: Any) -> Any:
        began = time.process_time()
        made = wrote(*arguments)
        seconds[0] += time.process_time() - began
        return made

    table_store.write_parts = clocked
    return seconds, wrote


def limit(file: Path) -> float:
    """CPU seconds to read the bytes."""
    began = time.process_time()
    with file.open("rb") as stream:
        while stream.read(1 << 20):
            pass
    return max(time.process_time() - began, 1e-4)


def measure(name: str, size: int, folder: Path) -> bool:
    """One format: a line of figures; whether every row arrived."""
    file = folder / f"{name}.json"
    files.write(file, name, size)
    parse(file)  # compiled code is loaded, tables are read
    found, parsing = parse(file)
    rows, bad = rows_of(found), sum(len(parsed.bad) for parsed in found)
    (folder / name).mkdir()
    parquet, steps, reading = (
        to_parquet(found, folder / name),
        to_delta(found, folder / f"{name}-lake"),
        limit(file),
    )
    delta = steps.whole
    mib = file.stat().st_size / 2**20
    line = f"{name:20} {mib:7.1f} MiB {rows:9,} rows"
    for what, seconds in (("arrow", parsing), ("parquet", parsing + parquet), ("delta", parsing + delta)):
        line += f"  {what} {rows / seconds / 1e6:6.3f} M/s"
    line += f"  limit {mib / reading:7.0f} MiB/s, {(parsing + delta) / reading:6.0f}x"
    breakdown = f"{'':20} microseconds a row: read {parsing / rows * 1e6:.2f}"
    for step in ("spool", "unpack", "encode", "commit"):
        breakdown += f", {step} {getattr(steps, step) / rows * 1e6:.2f}"
    if not _is_json(file):
        print(f"{line}  duckdb: no JSON\n{breakdown}", flush=True)
        return rows > 0 and not bad
    count, seconds = peer.to_parquet(name, file, folder / f"{name}.parquet")
    if not count:
        print(f"{line}\n{breakdown}", flush=True)
        return rows > 0 and not bad
    peers = count / seconds
    ratios = [rows / (parsing + more) / peers for more in (parquet, delta)]
    line += f"  duckdb {peers / 1e6:6.3f} M/s  ratio parquet {ratios[0]:5.2f}, delta {ratios[1]:5.2f}"
    print(f"{line}\n{breakdown}", flush=True)
    return rows > 0 and not bad


def _is_json(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(1) == b"{"


def command(file: Path, data: Path) -> tuple[float, float, str]:
    """`nephoscope ingest` of a file in a process of its own: peak MiB, CPU seconds, its summary."""
    arguments = ["--data", str(data), "ingest", str(file), "--output", "json"]
    with subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        output, errors = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit {process.returncode}: {output}{errors}")
    peak = int(errors.rsplit("peak ", 1)[1].split()[0]) / 1024
    return peak, usage.ru_utime + usage.ru_stime, output


def memory(load: str, sizes: list[int], folder: Path) -> bool:
    """The command on growing files of a load; whether its peak stays."""
    peaks = []
    for size in sizes:
        file = folder / f"{load}-{size}.log"
        files.write(file, load, size << 20)
        peak, cpu, output = command(file, folder / f"data-{load}-{size}")
        rows = sum(json.loads(output)["rows"].values())
        print(
            f"command, {load}, {size:5} MiB     {rows:11,} rows  peak {peak:6.0f} MiB  {rows / cpu / 1e6:6.3f} M rows/s of CPU",
            flush=True,
        )
        peaks.append(peak)
        file.unlink()
    ratio = peaks[-1] / peaks[0]
    print(
        f"{load}: peak memory grows {ratio:.2f} times while the file grows {sizes[-1] / sizes[0]:.0f} times (at most {GROWTH})"
    )
    return ratio <= GROWTH


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small files")
    parser.add_argument("--formats", help="only these")
    parser.add_argument("--mib", type=int, help="size of a file")
    parser.add_argument("--memory", help="sizes in MiB of the files whose memory is measured; 0: none")
    parser.add_argument(
        "--loads",
        default=f"vnet-flow,{files.MIXED}",
        help="formats whose memory is measured; mixed: seven at once",
    )
    options = parser.parse_args()
    pa.set_cpu_count(1)
    flow, other = (16, 2) if options.quick else (200, 16)
    sizes = [int(text) for text in (options.memory or ("32,128" if options.quick else "256,2048")).split(",")]
    names = [*files.FLOWS, *(name for name in load_formats().names() if name not in files.FLOWS)]
    wanted = (
        options.formats.split(",")
        if options.formats
        else [name for name in names if files.sample_lines(name) or name in files.FLOWS]
    )
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            size = options.mib or (flow if name in files.FLOWS else other)
            good &= measure(name, size << 20, Path(folder))
        if sizes != [0]:
            for load in options.loads.split(","):
                good &= memory(load, sizes, Path(folder))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
